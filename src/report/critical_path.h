// The chain of attempts that decided when the run ended, as it really went.
//
// Knows: what each attempt waited for last. Unaware of: what would have been if.
#pragma once

#include <cstdint>
#include <vector>

#include "report/prerequisites.h"
#include "report/run_story.h"

namespace gradus {

struct CriticalLink {
  enum class After : std::uint8_t { nothing, prerequisite, slot, earlier_attempt };
  std::uint32_t attempt = 0;
  After after = After::nothing;  ///< what the link before it is to it
  double waited_s = 0;           ///< from the end of that (or the begin of the run) to its own begin
};
const char* word(CriticalLink::After after);

/// From the first to the attempt that ended last: before each stands what ended last of its prerequisites, its own
/// earlier attempts and those that held its slots.
std::vector<CriticalLink> critical_path_of(const RunStory& story, const Prerequisites& prerequisites);

}  // namespace gradus
