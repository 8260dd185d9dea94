#include "node/gpu_meters.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "node/child_answer.h"
#include "node/nvml.h"

namespace gradus {
namespace {

/// `GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
constexpr std::size_t whole_uuid = 40;

bool is_whole_uuid(const std::string& identity) {
  return identity.starts_with("GPU-") && identity.size() == whole_uuid;
}

std::vector<const char*> pointers(const std::vector<std::string>& words) {
  std::vector<const char*> all;
  for (const auto& word : words) all.push_back(word.c_str());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> as_they_are(const std::vector<std::string>& gpus) { return gpus; }

}  // namespace

GpuMeter::Answer ProgramMeter::read(const std::vector<std::string>& gpus, double limit_s,
                                    const std::atomic<bool>& give_up) {
  Answer answer;
  if (stuck_ > 0 && waitpid(stuck_, nullptr, WNOHANG) == 0) {
    answer.problem = fmt::format("{} cannot be ended, it is stuck in the kernel", name_);
    return answer;
  }
  stuck_ = -1;
  auto words = command_;
  for (auto& word : make_words_(gpus)) words.push_back(std::move(word));
  int out = -1;
  const pid_t child = start(words, out, answer.problem);
  if (child < 0) return answer;
  const auto said = await_answer(child, out, limit_s, &give_up);
  if (!said.reaped) stuck_ = child;
  answer.cpu_s = said.cpu_s;
  // Half an answer of one that hangs is the beginning of trouble. How it ended otherwise does not matter: nvidia-smi
  // also warns by its exit code.
  if (said.in_time) answer.readings = parse_gpu_readings(said.output);
  if (answer.readings.empty()) answer.problem = why_it_ended(said, name_, limit_s);
  return answer;
}

/// By start_child, so that the kernel ends it when gradus is killed meanwhile.
pid_t ProgramMeter::start(const std::vector<std::string>& words, int& out, std::string& problem) const {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    problem = fmt::format("{} could not be started: pipe2: {}", name_, strerrordesc_np(errno));
    return -1;
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const auto argv = pointers(words);
  ChildSpec spec;
  spec.argv = argv.data();
  spec.envp = environ;
  spec.stdin_fd = spec.stderr_fd = null;
  spec.stdout_fd = ends[1];
  StartFailure failure{"open /dev/null", errno};
  const pid_t child = null < 0 ? -1 : start_child(spec, stack_, failure);
  close(ends[1]);
  if (null >= 0) close(null);
  out = ends[0];
  if (child >= 0) return child;
  close(out);
  problem = fmt::format("{} could not be started: {}: {}", name_, failure.call, strerrordesc_np(failure.error));
  return -1;
}

std::string find_nvidia_smi(std::string_view path) {
  while (!path.empty()) {
    const auto end = std::min(path.find(':'), path.size());
    const auto file = std::string(path.substr(0, end)) + "/nvidia-smi";
    if (end > 0 && access(file.c_str(), X_OK) == 0) return file;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return "";
}

std::vector<std::string> nvidia_smi_words(const std::vector<std::string>& gpus) {
  std::vector<std::string> words{std::string("--query-gpu=") + gpu_reading_fields, "--format=csv,noheader,nounits"};
  if (!std::ranges::all_of(gpus, is_whole_uuid)) return words;
  words.emplace_back("-i");
  words.push_back(fmt::format("{}", fmt::join(gpus, ",")));
  return words;
}

std::vector<std::unique_ptr<GpuMeter>> gpu_meters() {
  std::vector<std::unique_ptr<GpuMeter>> meters;
  if (has_nvml()) {
    meters.push_back(
        std::make_unique<ProgramMeter>(std::vector<std::string>{"/proc/self/exe", "__read-gpus"}, "NVML", as_they_are));
  }
  const char* path = std::getenv("PATH");
  if (auto file = find_nvidia_smi(path != nullptr ? path : ""); !file.empty()) {
    meters.push_back(
        std::make_unique<ProgramMeter>(std::vector<std::string>{std::move(file)}, "nvidia-smi", nvidia_smi_words));
  }
  return meters;
}

bool can_be_read(const std::string& identity) {
  if (identity.starts_with("GPU-")) return true;
  if (identity.starts_with("MIG-")) return has_nvml();  // nvidia-smi's query knows whole GPUs only
  const char* order = std::getenv("CUDA_DEVICE_ORDER");
  const bool by_address = order == nullptr || *order == '\0' || strcmp(order, "PCI_BUS_ID") == 0;
  return by_address && !identity.empty() && identity.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace gradus
