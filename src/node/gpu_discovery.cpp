#include "node/gpu_discovery.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "node/child_answer.h"

extern char** environ;

namespace gradus {
namespace {

struct Probe {
  pid_t pid = -1;
  int out = -1;
  std::string problem;  // not empty: it could not be started
};

const char* value_in(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name)) {
      return entry.c_str() + name.size() + 1;
    }
  }
  return nullptr;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    // Standard output first: `output` may itself be 0 or 2 when gradus was started with those closed.
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    // A probe stuck in the kernel cannot be ended: it must not hold a launcher's pipe or a lock for ever.
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
#endif
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  int spawn(pid_t& pid, std::vector<std::string> argv, std::vector<std::string> environment) const {
    return posix_spawn(&pid, argv.front().c_str(), &actions_, &attributes_, pointers(argv).data(),
                       pointers(environment).data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

Probe start_probe(const std::vector<std::string>& command, std::vector<std::string> environment) {
  Probe probe;
  std::array<int, 2> ends{-1, -1};
  if (command.empty()) {
    probe.problem = "no probe was given";
    return probe;
  }
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    probe.problem = fmt::format("the probe could not be started: pipe2: {}", std::strerror(errno));
    return probe;
  }
  // The steps get the same, so that a position means the same device to them and to us.
  if (!value_in(environment, "CUDA_DEVICE_ORDER")) environment.emplace_back("CUDA_DEVICE_ORDER=PCI_BUS_ID");
  const int problem = SpawnPlan(ends[1]).spawn(probe.pid, command, std::move(environment));
  close(ends[1]);
  probe.out = ends[0];
  if (problem != 0) {
    close(probe.out);
    probe.problem = fmt::format("the probe could not be started: {}: {}", command.front(), std::strerror(problem));
  }
  return probe;
}

DriverAnswer ask_by_probe(const std::vector<std::string>& command, double limit_s,
                          const std::vector<std::string>& environment) {
  DriverAnswer answer;
  const Probe probe = start_probe(command, environment);
  if (!probe.problem.empty()) {
    answer.text = probe.problem;
    return answer;
  }
  const auto end = await_answer(probe.pid, probe.out, limit_s);
  // A whole answer counts however the probe ended: drivers have crashed and hung in their exit handlers.
  answer = parse_driver_answer(end.output);
  if (answer.status == DriverAnswer::Status::silent) {
    const auto said = answer.text.empty() ? "" : "; " + answer.text;
    answer.text = why_it_ended(end, "the probe", limit_s) + said;
  }
  return answer;
}

}  // namespace

GpuDiscovery discover_gpus(const std::vector<std::string>& probe_command, double limit_s) {
  std::vector<std::string> environment;
  for (char** entry = environ; entry && *entry; ++entry) environment.emplace_back(*entry);
  return discover_gpus(probe_command, limit_s, environment);
}

GpuDiscovery discover_gpus(const std::vector<std::string>& probe_command, double limit_s,
                           const std::vector<std::string>& environment) {
  const auto inherited = inherited_visible_list([&](const char* name) { return value_in(environment, name); });
  return combine_discovery(ask_by_probe(probe_command, limit_s, environment), inherited);
}

}  // namespace gradus
