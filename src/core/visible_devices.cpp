#include "core/visible_devices.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

bool only_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

/// `12`; for Intel also `0.1` (device and tile).
bool is_index(GpuVendor vendor, std::string_view entry) {
  constexpr std::string_view digits = "0123456789";
  if (vendor != GpuVendor::intel) return only_of(entry, digits);
  const std::size_t dot = std::min(entry.find('.'), entry.size());
  return only_of(entry.substr(0, dot), digits) && (dot == entry.size() || only_of(entry.substr(dot + 1), digits));
}

bool is_uuid(GpuVendor vendor, std::string_view entry) {
  if (vendor == GpuVendor::intel) return false;
  if (entry.starts_with("GPU-")) return entry.size() > 4;
  return vendor == GpuVendor::nvidia && entry.starts_with("MIG-") && entry.size() > 4;
}

VisibleTokens take_duplicate(GpuVendor vendor, std::vector<std::string> before, const std::string& entry) {
  const char* variable = visible_devices_variable(vendor);
  if (vendor == GpuVendor::nvidia) {
    return {{}, fmt::format("{} names `{}` twice: CUDA then shows no device at all", variable, entry)};
  }
  return {std::move(before), fmt::format("{} names `{}` twice: the list ends there", variable, entry)};
}

std::string list_end_note(GpuVendor vendor, std::string_view value, const std::string& entry) {
  return fmt::format("{}={}: the list ends at `{}`, which names no device", visible_devices_variable(vendor), value,
                     entry);
}

void add_note(std::string& note, std::string_view sentence) {
  if (sentence.empty()) return;
  if (!note.empty()) note += "; ";
  note += sentence;
}

/// The i-th inherited entry. A driver that shows more devices than the list has entries does not follow
/// the list: then only the UUID names the device for sure.
std::string token_of(std::size_t position, const VisibleGpu& gpu, const std::optional<InheritedList>& inherited,
                     const std::vector<std::string>& entries) {
  if (!inherited) return std::to_string(position);
  return position < entries.size() ? entries[position] : gpu.identity;
}

GpuDiscovery by_driver(const DriverAnswer& driver, const std::optional<InheritedList>& inherited) {
  GpuDiscovery found{.source = GpuSource::driver, .gpus = driver.gpus, .note = {}, .inherited = {}};
  // Raw entries and not the parsed ones: the driver itself said how many of them count.
  std::vector<std::string> entries;
  if (inherited) {
    found.inherited = inherited->value;
    entries = split_visible_list(inherited->value);
  }
  for (std::size_t i = 0; i < found.gpus.size(); ++i)
    found.gpus[i].token = token_of(i, found.gpus[i], inherited, entries);
  if (found.gpus.size() < entries.size()) {
    found.note = fmt::format("CUDA_VISIBLE_DEVICES={} has {} entries, the driver shows {} of them", inherited->value,
                             entries.size(), found.gpus.size());
  }
  return found;
}

GpuDiscovery by_visible_list(const std::optional<InheritedList>& inherited) {
  GpuDiscovery found;
  if (!inherited) return found;
  VisibleTokens seen = parse_visible_list(inherited->vendor, inherited->value);
  found.source = GpuSource::visible_list;
  found.vendor = inherited->vendor;
  found.inherited = inherited->value;
  found.note = std::move(seen.note);
  for (const std::string& token : seen.tokens)
    found.gpus.push_back({.identity = token, .token = token, .name = {}, .pci = {}});
  return found;
}

std::string why_no_driver(const DriverAnswer& driver) {
  switch (driver.status) {
    case DriverAnswer::Status::no_driver: return fmt::format("no CUDA driver here ({})", driver.text);
    case DriverAnswer::Status::built_without_cuda:
      return "built without the CUDA toolkit: GPUs are known by the visible-devices variables alone";
    case DriverAnswer::Status::error: {
      const char* advice = driver_error_advice(driver.error);
      return fmt::format("the CUDA driver failed with error {} {}: {}", driver.error, driver.text,
                         *advice ? advice : "see nvidia-smi and dmesg");
    }
    case DriverAnswer::Status::silent: return fmt::format("the CUDA driver gave no answer: {}", driver.text);
    case DriverAnswer::Status::ok: break;
  }
  return {};
}

}  // namespace

std::optional<InheritedList> inherited_visible_list(const VariableLookup& variable) {
  for (const GpuVendor vendor : {GpuVendor::nvidia, GpuVendor::amd_rocr, GpuVendor::amd_hip, GpuVendor::intel}) {
    if (const char* value = variable(visible_devices_variable(vendor))) return InheritedList{vendor, value};
  }
  return std::nullopt;
}

std::vector<std::string> split_visible_list(std::string_view value) {
  std::vector<std::string> entries;
  if (trimmed(value).empty()) return entries;
  while (true) {
    const std::size_t comma = value.find(',');
    entries.emplace_back(trimmed(value.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  if (entries.back().empty()) entries.pop_back();  // `0,1,` is two entries
  return entries;
}

VisibleTokens parse_visible_list(GpuVendor vendor, std::string_view value) {
  VisibleTokens seen;
  for (std::string& entry : split_visible_list(value)) {
    if (!is_index(vendor, entry) && !is_uuid(vendor, entry)) {
      // `-1` and `NoDevFiles` at the front are the usual ways to say "none": no surprise, no note.
      if (!seen.tokens.empty()) seen.note = list_end_note(vendor, value, entry);
      return seen;
    }
    if (std::ranges::find(seen.tokens, entry) != seen.tokens.end()) {
      return take_duplicate(vendor, std::move(seen.tokens), entry);
    }
    seen.tokens.push_back(std::move(entry));
  }
  return seen;
}

GpuDiscovery combine_discovery(const DriverAnswer& driver, const std::optional<InheritedList>& inherited) {
  const bool no_device = driver.status == DriverAnswer::Status::error && driver.error == driver_error_no_device;
  const bool list_is_cuda = !inherited || inherited->vendor == GpuVendor::nvidia;
  // CUDA's answer says nothing about the list of another vendor: images often carry libcuda on AMD nodes.
  const bool answers = driver.status == DriverAnswer::Status::ok && (list_is_cuda || !driver.gpus.empty());
  if (answers) return by_driver(driver, list_is_cuda ? inherited : std::nullopt);
  if (no_device && list_is_cuda)
    return by_driver({.status = DriverAnswer::Status::ok, .text = {}, .gpus = {}}, inherited);

  GpuDiscovery found = by_visible_list(inherited);
  const bool is_zero = no_device || driver.status == DriverAnswer::Status::ok;
  found.trouble =
      !is_zero && (driver.status == DriverAnswer::Status::error || driver.status == DriverAnswer::Status::silent);
  std::string note = is_zero ? "the CUDA driver shows no device" : why_no_driver(driver);
  add_note(note, found.note);
  found.note = std::move(note);
  return found;
}

}  // namespace gradus
