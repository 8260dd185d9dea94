#include "core/driver_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace gradus {
namespace {

std::string one_field(std::string_view text) {
  std::string field(text);
  std::ranges::replace_if(
      field, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return field;
}

std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view head = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return head;
}

bool parse_int(std::string_view text, int& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size();
}

bool take_gpu(std::string_view fields, std::vector<VisibleGpu>& gpus) {
  int position = -1;
  if (!parse_int(cut(fields, '\t'), position) || position != static_cast<int>(gpus.size())) return false;
  VisibleGpu gpu;
  gpu.identity = cut(fields, '\t');
  gpu.pci = cut(fields, '\t');
  gpu.name = fields;
  if (gpu.identity.empty()) return false;
  gpus.push_back(std::move(gpu));
  return true;
}

bool take_status(std::string_view word, std::string_view fields, DriverAnswer& answer) {
  using enum DriverAnswer::Status;
  if (word == "error") {
    if (!parse_int(cut(fields, '\t'), answer.error)) return false;
    answer.status = error;
  } else if (word == "ok") {
    answer.status = ok;
  } else if (word == "no-driver") {
    answer.status = no_driver;
  } else if (word == "built-without-cuda") {
    answer.status = built_without_cuda;
  } else {
    return false;
  }
  answer.text = fields;
  return true;
}

DriverAnswer odd(std::string_view line) {
  DriverAnswer answer;
  answer.text = fmt::format("it said `{}`", one_field(line.substr(0, 80)));
  return answer;
}

}  // namespace

std::string driver_answer_lines(const DriverAnswer& answer) {
  std::string lines;
  const auto out = std::back_inserter(lines);
  for (std::size_t i = 0; i < answer.gpus.size(); ++i) {
    const VisibleGpu& gpu = answer.gpus[i];
    fmt::format_to(out, "gpu\t{}\t{}\t{}\t{}\n", i, one_field(gpu.identity), one_field(gpu.pci), one_field(gpu.name));
  }
  switch (answer.status) {
    case DriverAnswer::Status::ok: lines += "ok\n"; break;
    case DriverAnswer::Status::no_driver: fmt::format_to(out, "no-driver\t{}\n", one_field(answer.text)); break;
    case DriverAnswer::Status::error:
      fmt::format_to(out, "error\t{}\t{}\n", answer.error, one_field(answer.text));
      break;
    case DriverAnswer::Status::built_without_cuda: lines += "built-without-cuda\n"; break;
    case DriverAnswer::Status::silent: break;
  }
  return lines;
}

DriverAnswer parse_driver_answer(std::string_view lines) {
  DriverAnswer answer;
  while (!lines.empty()) {
    // A last line that lacks its newline was cut off in the middle: a probe that was killed.
    if (lines.find('\n') == std::string_view::npos) return odd(lines);
    const std::string_view line = cut(lines, '\n');
    std::string_view fields = line;
    const std::string_view word = cut(fields, '\t');
    if (word == "gpu" ? !take_gpu(fields, answer.gpus) : !take_status(word, fields, answer)) return odd(line);
    if (answer.status == DriverAnswer::Status::silent) continue;
    if (!lines.empty()) return odd(lines);
    if (answer.status != DriverAnswer::Status::ok) answer.gpus.clear();
    return answer;
  }
  return {};
}

std::string gpu_uuid_text(std::span<const unsigned char> bytes, bool is_mig) {
  std::string text = is_mig ? "MIG" : "GPU";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", bytes[i]);
  }
  return text;
}

std::string sysfs_pci_address(std::string_view address) {
  std::string text(address);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::size_t domain = text.find(':');
  // Without a domain (`17:00.0`) there is one colon only.
  if (domain == std::string::npos) return text;
  if (text.find(':', domain + 1) == std::string::npos) {
    text.insert(0, "0000:");
    return text;
  }
  while (domain > 4 && text[0] == '0') {
    text.erase(0, 1);
    --domain;
  }
  if (domain < 4) text.insert(0, 4 - domain, '0');
  return text;
}

const char* driver_error_advice(int error) {
  struct Advice {
    int error;
    const char* text;
  };
  static constexpr std::array<Advice, 7> known{{
      {34, "libcuda.so.1 is the toolkit's stub: take its folder out of LD_LIBRARY_PATH"},
      {46, "the GPU is in exclusive mode and held by another process: see nvidia-smi"},
      {101, "the visible-devices variable names a device that is not there"},
      {802, "the fabric manager of this node is not running"},
      {803,
       "libcuda.so.1 and the kernel's driver differ: another libcuda.so.1 comes first in LD_LIBRARY_PATH, or the "
       "node was upgraded and not restarted"},
      {804, "a cuda-compat library that this GPU does not support stands in LD_LIBRARY_PATH"},
      {999, "see nvidia-smi and dmesg; often the nvidia_uvm module is missing or /dev/nvidia* may not be opened"},
  }};
  const auto* found = std::ranges::find(known, error, &Advice::error);
  return found == known.end() ? "" : found->text;
}

}  // namespace gradus
