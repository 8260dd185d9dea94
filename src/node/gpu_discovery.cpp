#include "node/gpu_discovery.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>

extern char** environ;

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

// An answer is some hundred bytes; what writes more is no probe.
constexpr std::size_t most_output = 1U << 20U;
constexpr std::chrono::seconds kill_limit{2};

struct Probe {
  pid_t pid = -1;
  int out = -1;
  std::string problem;  // not empty: it could not be started
};

struct ProbeEnd {
  std::string output;
  bool in_time = true;
  bool reaped = true;
  int status = -1;  // of waitpid; -1, which says neither exit nor signal, when the kernel reaped it
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

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
}

/// Appends what there is. False at the end of the stream or on an error.
bool read_some(int fd, std::string& output) {
  std::array<char, 4096> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got > 0) output.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 ? output.size() < most_output : got < 0 && errno == EINTR;
}

/// False when the time was up before the end of the stream.
bool read_all(int fd, Clock::time_point deadline, std::string& output) {
  while (true) {
    pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&waited, 1, milliseconds_until(deadline));
    if (ready > 0 && !read_some(fd, output)) return true;
    if (ready < 0 && errno != EINTR) return true;
    if (ready <= 0 && Clock::now() >= deadline) return false;
  }
}

/// Naps instead of a blocking wait: a process in an uninterruptible sleep outlives even SIGKILL, and
/// waiting for it would hang gradus on the very GPU that hangs the probe.
bool reap(pid_t pid, Clock::time_point deadline, int& status) {
  auto nap = std::chrono::microseconds(200);
  while (true) {
    const pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == pid) return true;
    if (got < 0 && errno != EINTR) return true;  // SIGCHLD is ignored: the kernel has reaped it
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, std::chrono::microseconds(10'000));
  }
}

ProbeEnd await_probe(const Probe& probe, double limit_s) {
  const std::chrono::duration<double> limit(std::clamp(limit_s, 0.0, 86'400.0));
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit);
  ProbeEnd end;
  end.in_time = read_all(probe.out, deadline, end.output);
  // Before the wait: what writes without end stops at a closed pipe, and would block at a full one.
  close(probe.out);
  end.in_time = end.in_time && reap(probe.pid, deadline, end.status);
  if (!end.in_time) {
    kill(-probe.pid, SIGKILL);
    end.reaped = reap(probe.pid, Clock::now() + kill_limit, end.status);
  }
  return end;
}

std::string why_silent(const ProbeEnd& end, const std::string& said, double limit_s) {
  std::string why;
  if (!end.in_time) {
    why = fmt::format(
        "no end within {} s (a GPU that fell off the bus, or a driver that loads slowly without persistence "
        "mode): see nvidia-smi and dmesg",
        limit_s);
    if (!end.reaped) why += "; the probe cannot be ended, it is stuck in the kernel";
  } else if (WIFSIGNALED(end.status)) {
    why = fmt::format("the probe was ended by signal {} ({})", WTERMSIG(end.status), strsignal(WTERMSIG(end.status)));
  } else if (WIFEXITED(end.status)) {
    why = fmt::format("the probe ended early with exit code {}", WEXITSTATUS(end.status));
  } else {
    why = "the probe ended early";
  }
  return said.empty() ? why : why + "; " + said;
}

DriverAnswer ask_by_probe(const std::vector<std::string>& command, double limit_s,
                          const std::vector<std::string>& environment) {
  DriverAnswer answer;
  const Probe probe = start_probe(command, environment);
  if (!probe.problem.empty()) {
    answer.text = probe.problem;
    return answer;
  }
  const ProbeEnd end = await_probe(probe, limit_s);
  // A whole answer counts however the probe ended: drivers have crashed and hung in their exit handlers.
  answer = parse_driver_answer(end.output);
  if (answer.status == DriverAnswer::Status::silent) answer.text = why_silent(end, answer.text, limit_s);
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
