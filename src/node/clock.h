// The two clocks of this machine.
//
// Knows: which one never leaps. Unaware of: who measures what.
#pragma once

#include <ctime>

namespace gradus {

inline double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Seconds since some moment; never leaps and never goes back: for durations and deadlines.
inline double monotonic_s() { return seconds_of(CLOCK_MONOTONIC); }

/// Seconds since the Unix epoch: for records. It can be set, also back: never subtract two of them.
inline double epoch_s() { return seconds_of(CLOCK_REALTIME); }

}  // namespace gradus
