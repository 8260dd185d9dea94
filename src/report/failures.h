// What went wrong: attempts that failed or were lost, by their cause, and the places that are to blame.
//
// Knows: causes, places, which attempts to show as examples. Unaware of: outputs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "report/run_story.h"

namespace gradus {

struct FailureCause {
  std::string cause;                                        ///< `exit code 1`
  std::uint64_t count = 0;                                  ///< attempts
  std::uint64_t steps_failed = 0;                           ///< steps of which this was the end, in the latest life
  std::vector<std::uint32_t> steps;                         ///< of StepTable, each once, by launch
  std::vector<std::uint32_t> examples;                      ///< attempts; those that were a step's end first
  std::vector<std::pair<LaneIndex, std::uint64_t>> places;  ///< the most often first
};
/// By count, the largest first.
std::vector<FailureCause> failures_of(const RunStory& story);

struct BadPlace {
  LaneIndex lane = no_lane;
  std::uint64_t failures = 0;  ///< of attempts there
  std::uint64_t attempts = 0;  ///< … of so many
  double t_s = 0;              ///< when it was quarantined, else its first failure; run seconds
  bool is_quarantined = false;
};
/// Slots that were quarantined; and those where at least 3 attempts and half of all failed, though elsewhere at most a
/// tenth did.
std::vector<BadPlace> bad_places_of(const RunStory& story);

}  // namespace gradus
