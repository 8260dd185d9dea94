// What the slots' time went into: steps that succeeded, and everything else by its reason.
//
// Knows: why a slot was idle at a moment (by what was ready, what was still to come, stops, losses, quarantine).
// Unaware of: what would have been better.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "report/run_story.h"

namespace gradus {

enum class LostTo : std::uint8_t {
  start,          ///< until the first step of a life was started
  prerequisites,  ///< steps were left, but waited for others
  tail,           ///< nothing more was to be started
  retries,        ///< attempts that failed, and the pause before the next
  quarantine,
  lost_ranks,  ///< attempts that went with their worker, and its slots afterwards
  drain,       ///< after the run was asked to stop, attempts that it cancelled
  other        ///< a step was ready: starting it, reservations for steps of several slots, steps of the other kind
};
inline constexpr std::size_t lost_to_count = static_cast<std::size_t>(LostTo::other) + 1;
const char* in_words(LostTo reason);

struct LostTime {
  double slot_s = 0;  ///< all lives' lengths times their slots
  double busy_s = 0;  ///< of these in attempts that succeeded or still run
  std::array<double, lost_to_count> by_reason{};
  double at(LostTo reason) const { return by_reason[static_cast<std::size_t>(reason)]; }
  double share(LostTo reason) const { return slot_s > 0 ? at(reason) / slot_s : 0; }
};

/// busy_s and by_reason add up to slot_s. Without the steps file, `prerequisites` includes what would be `other`.
LostTime lost_time_of(const RunStory& story);

}  // namespace gradus
