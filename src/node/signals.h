// Signals as stop requests.
//
// Knows: which signal asks for what, alone and under mpirun (contract, section 7).
// Unaware of: what a stop request leads to (the scheduler's business).
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "gradus/scheduler.h"

namespace gradus {

enum class SignalRules {
  alone,        ///< INT, TERM, HUP: first finish, second cancel, third kill; USR1, USR2: drain
  under_mpirun  ///< CONT that no TSTP went before: hold; TERM, INT: cancel at once; USR1, USR2: drain
};

/// Sets the handlers. Call it first of all, before MPI_Init: a USR1 or USR2 in between would kill the rank.
/// SIGPIPE is ignored from then on.
void install_signal_handlers();

/// As long as this lives, INT, TERM and HUP end the process as they end any program: nothing has been started yet, and
/// it may be waiting for its input. One that has come before does so too. For a program without MPI, before its
/// threads.
class SignalsEndUs {
 public:
  explicit SignalsEndUs(bool is_wanted);
  ~SignalsEndUs();
  SignalsEndUs(const SignalsEndUs&) = delete;
  SignalsEndUs& operator=(const SignalsEndUs&) = delete;

 private:
  bool is_wanted_;
};

/// From now on a signal makes the descriptor readable (writes an 8-byte 1 to it, an eventfd). One that has come before
/// does so at once.
void wake_on_signal(int event_fd);

/// What the cell of tell_when_paused() holds.
enum Pause : std::uint32_t {
  not_paused,
  paused,          ///< stopped by SIGTSTP (Ctrl-Z): whoever watches it lets it be
  paused_too_late  ///< … and the CONT came before it was: whoever watches it continues it
};
/// `cell` must outlive all signals.
void tell_when_paused(std::atomic<std::uint32_t>* cell);

/// What the signals that came since the last call ask for, if anything. One thread only.
std::optional<StopRequested> take_stop_request(SignalRules rules);
/// The same, and holds: under mpirun a CONT may be followed by a TERM, after a second or the time in
/// OMPI_MCA_odls_base_sigkill_timeout; or by nothing, when it was we who had been stopped (`scontrol resume`).
void take_requests(SignalRules rules, std::vector<Fact>& facts);

}  // namespace gradus
