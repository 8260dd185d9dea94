// The end of a run: since when slots had nothing more to do, and who was last.
//
// Knows: the latest life. Unaware of: why (see lost_time.h, critical_path.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "report/run_story.h"

namespace gradus {

struct RunTail {
  double first_dry_s = 0;           ///< when the first slot was left for good, run seconds
  double end_s = 0;                 ///< the last end of an attempt
  double busy_share = 0;            ///< of these slots between the two
  std::vector<std::uint32_t> last;  ///< attempts by end, the latest first; at most five
  double seconds() const { return end_s - first_dry_s; }
};

/// Of the slots with a GPU when there are any, else of all; slots that were lost or quarantined do not count. Absent
/// when nothing ran in the latest life, or it still goes on.
std::optional<RunTail> tail_of(const RunStory& story);

}  // namespace gradus
