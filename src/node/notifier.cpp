#include "node/notifier.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "gradus/outcome.h"
#include "node/child.h"
#include "node/clock.h"

namespace gradus {
namespace {

constexpr int look_every_ms = 20;
constexpr std::size_t kept_output = 4096;

[[noreturn]] void refuse(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// Closes what it holds.
struct Handle {
  explicit Handle(int descriptor) : fd(descriptor) {}
  ~Handle() { reset(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  void reset() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int fd;
};

/// A file that only the command will see: a pipe would fill up, and break, when nobody reads it.
int file_with(const std::string& text) {
  const int fd = memfd_create("gradus-notice", MFD_CLOEXEC);
  if (fd < 0) refuse("memfd_create");
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t got = write(fd, text.data() + written, text.size() - written);
    if (got < 0) {
      close(fd);
      refuse("its input");
    }
    written += static_cast<std::size_t>(got);
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

/// Reads what is there, keeps the end of it. Returns how much it was; -1: the other end is closed.
ssize_t take_output(int fd, std::string& tail) {
  char part[65536];
  const ssize_t got = read(fd, part, sizeof part);
  if (got == 0) return -1;
  if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  tail.append(part, static_cast<std::size_t>(got));
  if (tail.size() > kept_output) tail.erase(0, tail.size() - kept_output);
  return got;
}

/// The last line that says something, shortened.
std::string last_line(std::string text) {
  constexpr std::size_t most = 200;
  while (!text.empty() && isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  const auto line = text.substr(text.rfind('\n') + 1);
  return line.size() > most ? line.substr(0, most) + "..." : line;
}

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid;
}

Outcome outcome_of(int status) {
  if (WIFSIGNALED(status)) return {OutcomeKind::signal, WTERMSIG(status), ""};
  if (WEXITSTATUS(status) != 0) return {OutcomeKind::exit_code, WEXITSTATUS(status), ""};
  return {};
}

void block_all_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

Notifier::Notifier(Settings settings, const StepEnvironment& environment, Complain complain)
    : settings_(std::move(settings)),
      environment_(environment),
      complain_(std::move(complain)),
      thread_([this] { run(); }) {}

Notifier::~Notifier() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    queue_.clear();
    term_at_ = 0;
  }
  changed_.notify_all();
  thread_.join();
}

void Notifier::tell(std::string event, Text text) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(event), std::move(text)});
  }
  changed_.notify_all();
}

void Notifier::finish(const std::function<bool()>& hurry) {
  std::unique_lock lock(mutex_);
  const double now = monotonic_s();
  finish_until_ = now + settings_.limit_s;
  if (busy_) term_at_ = std::min(term_at_, share_of_what_is_left(now));
  const auto all_told = [this] { return !busy_ && queue_.empty(); };
  while (!changed_.wait_for(lock, std::chrono::milliseconds(100), all_told)) {
    if (!hurry()) continue;
    queue_.clear();
    term_at_ = 0;
  }
}

/// With the mutex held. Until when the one that runs may go on, so that those behind it have as much.
double Notifier::share_of_what_is_left(double now) const {
  return now + std::max(0.0, finish_until_ - now) / static_cast<double>(queue_.size() + 1);
}

double Notifier::term_at() {
  const std::lock_guard lock(mutex_);
  return term_at_;
}

void Notifier::run() {
  block_all_signals();
  for (;;) {
    Notice notice;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      changed_.notify_all();
      changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (closing_) return;
      notice = std::move(queue_.front());
      queue_.pop_front();
      busy_ = true;
      const double now = monotonic_s();
      term_at_ = now + settings_.limit_s;
      if (finish_until_ != never) term_at_ = std::min(term_at_, share_of_what_is_left(now));
    }
    try {
      run_one(notice);
    } catch (const std::exception& error) {
      complain_(fmt::format("--notify: {} was not told: {}", notice.event, error.what()));
    }
  }
}

void Notifier::run_one(const Notice& notice) {
  const Handle input(file_with(notice.text()));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) refuse("pipe2");
  const Handle output(ends[0]);
  Handle childs_output(ends[1]);
  fcntl(output.fd, F_SETFL, O_NONBLOCK);
  std::string why;
  const pid_t pid = start(notice, input.fd, childs_output.fd, why);
  childs_output.reset();
  if (pid < 0) return complain_(fmt::format("--notify: the command for {} could not start: {}", notice.event, why));
  std::string tail;
  bool timed_out = false;
  const auto outcome = outcome_of(await(pid, output.fd, tail, timed_out));
  if (outcome.succeeded() && !timed_out) return;
  const auto said = last_line(tail);
  complain_(fmt::format("--notify: the command for {} {}{}{}", notice.event,
                        timed_out ? "was ended: its time was over" : "failed: " + describe(outcome),
                        said.empty() ? "" : ": ", said));
}

pid_t Notifier::start(const Notice& notice, int input, int output, std::string& why) {
  auto variables = settings_.variables;
  variables.emplace_back("GRADUS_EVENT", notice.event);
  std::vector<std::string> storage;
  const auto environment = environment_.with(variables, storage);
  const char* argv[] = {"/bin/sh", "-c", settings_.command.c_str(), nullptr};
  const ChildStack stack;
  ChildSpec spec;
  spec.argv = argv;
  spec.envp = environment.data();
  spec.stdin_fd = input;
  spec.stdout_fd = output;
  spec.stderr_fd = output;
  spec.group_cell = settings_.group_cell;
  StartFailure failure;
  const pid_t pid = start_child(spec, stack, failure);
  if (pid < 0) why = fmt::format("{}: {}", failure.call, strerrordesc_np(failure.error));
  return pid;
}

/// Returns the wait status. A command that writes without end is read slowly, and so kept waiting.
int Notifier::await(pid_t pid, int output, std::string& tail, bool& timed_out) {
  pollfd readable{output, POLLIN, 0};
  double kill_at = never;
  while (!has_ended(pid)) {
    const double now = monotonic_s();
    if (!timed_out && now >= term_at()) {
      timed_out = true;
      kill_at = now + settings_.grace_s;
      ::kill(-pid, SIGTERM);
      ::kill(-pid, SIGCONT);
    }
    if (now >= kill_at) ::kill(-pid, SIGKILL);
    if (poll(&readable, 1, look_every_ms) <= 0) continue;
    const ssize_t got = take_output(output, tail);
    if (got < 0) readable.fd = -1;  // poll leaves it alone from now on
    if (got > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ::kill(-pid, SIGKILL);  // what it has left behind in its group
  if (settings_.group_cell != nullptr) settings_.group_cell->store(0, std::memory_order_release);
  for (int parts = 0; parts < 16 && take_output(output, tail) > 0; ++parts) {
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace gradus
