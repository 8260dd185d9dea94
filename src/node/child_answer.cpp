#include "node/child_answer.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

// An answer is some hundred bytes; what writes more is no answer.
constexpr std::size_t most_output = 1U << 20U;
constexpr std::chrono::seconds kill_limit{2};
constexpr std::chrono::milliseconds kill_limit_in_haste{100};
constexpr long long give_up_looked_at_ms = 50;

bool is_set(const std::atomic<bool>* flag) { return flag != nullptr && flag->load(); }

int milliseconds_until(Clock::time_point deadline, const std::atomic<bool>* give_up) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, give_up != nullptr ? give_up_looked_at_ms : 3'600'000));
}

/// Appends what there is. False at the end of the stream or on an error.
bool read_some(int fd, std::string& output) {
  std::array<char, 4096> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got > 0) output.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 ? output.size() < most_output : got < 0 && errno == EINTR;
}

/// False when the time was up before the end of the stream.
bool read_all(int fd, Clock::time_point deadline, const std::atomic<bool>* give_up, std::string& output) {
  while (!is_set(give_up)) {
    pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&waited, 1, milliseconds_until(deadline, give_up));
    if (ready > 0 && !read_some(fd, output)) return true;
    if (ready < 0 && errno != EINTR) return true;
    if (ready <= 0 && Clock::now() >= deadline) return false;
  }
  return false;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// Naps instead of a blocking wait: a process in an uninterruptible sleep outlives even SIGKILL, and
/// waiting for it would hang gradus on the very GPU that hangs the child.
bool reap(pid_t pid, Clock::time_point deadline, const std::atomic<bool>* give_up, ChildAnswer& answer) {
  auto nap = std::chrono::microseconds(200);
  while (true) {
    rusage used{};
    const bool is_last = Clock::now() >= deadline;  // before the look: one that has ended meanwhile is not stuck
    const pid_t got = wait4(pid, &answer.status, WNOHANG, &used);
    if (got == pid) answer.cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
    if (got == pid) return true;
    if (got < 0 && errno != EINTR) return true;  // SIGCHLD is ignored: the kernel has reaped it
    if (is_last || is_set(give_up)) return false;
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, std::chrono::microseconds(10'000));
  }
}

}  // namespace

ChildAnswer await_answer(pid_t child, int out, double limit_s, const std::atomic<bool>* give_up) {
  const std::chrono::duration<double> limit(std::clamp(limit_s, 0.0, 86'400.0));
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit);
  ChildAnswer answer;
  answer.in_time = read_all(out, deadline, give_up, answer.output);
  // Before the wait: what writes without end stops at a closed pipe, and would block at a full one.
  close(out);
  answer.in_time = answer.in_time && reap(child, deadline, give_up, answer);
  if (answer.in_time) return answer;
  kill(-child, SIGKILL);
  const auto patience = is_set(give_up) ? Clock::duration(kill_limit_in_haste) : Clock::duration(kill_limit);
  answer.reaped = reap(child, Clock::now() + patience, nullptr, answer);
  return answer;
}

std::string why_it_ended(const ChildAnswer& answer, const std::string& who, double limit_s) {
  if (!answer.in_time) {
    auto why = fmt::format(
        "no end within {} s (a GPU that fell off the bus, or a driver that loads slowly without persistence "
        "mode): see nvidia-smi and dmesg",
        limit_s);
    if (!answer.reaped) why += fmt::format("; {} cannot be ended, it is stuck in the kernel", who);
    return why;
  }
  if (WIFSIGNALED(answer.status)) {
    const int signal = WTERMSIG(answer.status);
    return fmt::format("{} was ended by signal {} ({})", who, signal, strsignal(signal));
  }
  if (WIFEXITED(answer.status)) {
    return fmt::format("{} ended early with exit code {}", who, WEXITSTATUS(answer.status));
  }
  return who + " ended early";
}

}  // namespace gradus
