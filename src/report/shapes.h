// How long the steps of each shape of command took.
//
// Knows: shapes (gradus/durations.h), durations of attempts. Unaware of: places.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/run_story.h"

namespace gradus {

/// Times are those of the attempts that succeeded; where none did, of all that ended.
struct ShapeStory {
  std::string shape;         ///< the command without what differs from step to step
  std::uint64_t count = 0;   ///< attempts that ended
  std::uint64_t failed = 0;  ///< … of these
  double median_s = 0, mean_s = 0, p95_s = 0, max_s = 0;
  double total_s = 0;         ///< of all that ended
  std::uint32_t longest = 0;  ///< attempt
};

/// By total time, the largest first. Empty without the steps file.
std::vector<ShapeStory> shapes_of(const RunStory& story);

}  // namespace gradus
