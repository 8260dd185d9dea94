#include "node/signals.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace gradus {
namespace {

// Counted, not queued: a handler may only touch lock-free atomics.
std::atomic<int> ends_asked{0};  // INT, TERM, HUP
std::atomic<int> last_end_signal{0};
std::atomic<int> drains_asked{0};  // USR1, USR2
std::atomic<int> last_drain_signal{SIGUSR1};
std::atomic<int> continued{0};  // CONT
std::atomic<int> stopped{0};    // TSTP
std::atomic<bool> is_stopping{false};
std::atomic<int> wake_fd{-1};
std::atomic<bool> ends_us{false};
std::atomic<std::atomic<std::uint32_t>*> paused_cell{nullptr};
int ends_seen = 0;
int drains_seen = 0;
int continued_seen = 0;

void end_by(int signal) {
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  sigemptyset(&usual.sa_mask);
  sigaction(signal, &usual, nullptr);
  raise(signal);  // blocked while its handler runs, so it comes when that returns
}

void wake() {
  const int fd = wake_fd;
  const unsigned long long one = 1;
  if (fd >= 0) [[maybe_unused]]
    const auto written = write(fd, &one, sizeof one);
}

void tell_pause(Pause pause) {
  if (auto* cell = paused_cell.load()) cell->store(pause);
}

/// What the default of SIGTSTP would have done; SIGSTOP cannot be caught. Unlike the default it takes time, in which
/// the CONT may come that is to end the pause: nobody would send another. CONT is blocked for this handler; one that
/// has come is pending, until the STOP discards it. From then on its handler tells, and who watches us continues us.
void stop_as_told() {
  sigset_t set;
  if (sigpending(&set) == 0 && sigismember(&set, SIGCONT) == 1) return;
  tell_pause(paused);
  is_stopping = true;
  sigemptyset(&set);
  sigaddset(&set, SIGCONT);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  raise(SIGSTOP);
  is_stopping = false;
  tell_pause(not_paused);
}

void on_signal(int signal) {
  const int saved = errno;
  switch (signal) {
    case SIGUSR1:
    case SIGUSR2:
      last_drain_signal = signal;
      drains_asked.fetch_add(1);
      break;
    case SIGCONT:
      continued.fetch_add(1);
      if (is_stopping) tell_pause(paused_too_late);
      break;
    case SIGTSTP:
      stopped.fetch_add(1);
      stop_as_told();
      break;
    default:
      last_end_signal = signal;
      ends_asked.fetch_add(1);
      if (ends_us) end_by(signal);
  }
  wake();
  errno = saved;
}

StopRequested request(StopKind kind, int signal) {
  return {kind, std::string("signal ") + sigabbrev_np(signal), signal};
}

/// mpirun passes INT or TERM on as CONT at once and TERM a second later: the CONT is the first warning.
/// A CONT after a TSTP is a user who goes on after Ctrl-Z. One after a STOP cannot be told from a warning.
bool mpirun_warned() {
  const int news = continued.load() - continued_seen;
  if (news <= 0) return false;
  continued_seen += news;
  return stopped.exchange(0) == 0;
}

/// Until after the TERM that such a warning announces.
double warned_for_s() {
  const char* given = std::getenv("OMPI_MCA_odls_base_sigkill_timeout");
  const double until_term = given == nullptr ? 0 : std::strtod(given, nullptr);
  constexpr double usual = 1, longest = 3600, later = 2;
  return std::clamp(until_term, usual, longest) + later;
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT}) sigaction(signal, &action, nullptr);
  struct sigaction stop = action;
  sigaddset(&stop.sa_mask, SIGCONT);
  sigaction(SIGTSTP, &stop, nullptr);
  // nohup(1) ignores HUP for us: leave that.
  struct sigaction hangup = {};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

void tell_when_paused(std::atomic<std::uint32_t>* cell) { paused_cell = cell; }

SignalsEndUs::SignalsEndUs(bool is_wanted) : is_wanted_(is_wanted) {
  if (!is_wanted_) return;
  ends_us = true;
  if (ends_asked > 0) end_by(last_end_signal);
}

SignalsEndUs::~SignalsEndUs() {
  if (is_wanted_) ends_us = false;
}

void wake_on_signal(int event_fd) {
  wake_fd = event_fd;
  if (ends_asked + drains_asked + continued > 0) wake();
}

std::optional<StopRequested> take_stop_request(SignalRules rules) {
  const int ends = ends_asked.load();
  const bool new_end = ends > ends_seen;
  ends_seen = ends;
  const bool new_drain = drains_asked.load() > drains_seen;
  drains_seen = drains_asked.load();
  if (rules == SignalRules::under_mpirun) {
    if (new_end) return request(ends > 1 ? StopKind::kill : StopKind::cancel, last_end_signal);
  } else if (new_end) {
    const auto kind = ends == 1 ? StopKind::finish : ends == 2 ? StopKind::cancel : StopKind::kill;
    return request(kind, last_end_signal);
  }
  if (new_drain) return request(StopKind::drain, last_drain_signal);
  return std::nullopt;
}

void take_requests(SignalRules rules, std::vector<Fact>& facts) {
  const bool warned = mpirun_warned();
  if (auto stop = take_stop_request(rules)) facts.emplace_back(std::move(*stop));
  if (warned && rules == SignalRules::under_mpirun) facts.emplace_back(HoldRequested{warned_for_s()});
}

}  // namespace gradus
