// Trying again where the machine is short of something for the moment.
//
// Knows: which errors pass. Unaware of: what is tried.
#pragma once

#include <cerrno>
#include <chrono>
#include <thread>

#include "node/clock.h"

namespace gradus {

/// Seconds for which a start is tried again when the machine has no process, memory or descriptor left.
inline constexpr double patience_s = 20;

/// True for what other steps' ends can mend. ETXTBSY: the program is being written; a child that another thread is
/// just starting may hold it open.
inline bool may_pass(int error) {
  return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ETXTBSY;
}

/// Calls `attempt`, which returns 0 or an errno, until it succeeds, fails for good, `give_up()` says so, or time is
/// over. Returns what the last call did.
template <class Attempt, class GiveUp>
int with_patience(const Attempt& attempt, const GiveUp& give_up) {
  const double until = monotonic_s() + patience_s;
  auto nap = std::chrono::milliseconds(1);
  for (;;) {
    const int error = attempt();
    if (!may_pass(error) || give_up() || monotonic_s() > until) return error;
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, std::chrono::milliseconds(500));
  }
}

}  // namespace gradus
