// What a timeline draws: attempts as bars, short neighbours drawn as one where there are too many.
//
// Knows: when several attempts may be one bar. Unaware of: colours, pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "report/run_story.h"

namespace gradus {

struct Bar {
  LaneIndex lane = 0;
  double begin = 0, end = 0;  ///< run seconds
  std::uint8_t outcome = 0;   ///< see shown_outcome()
  std::uint32_t attempt = 0;  ///< index of the first
  std::uint32_t count = 1;    ///< several: short attempts side by side with one outcome
};

/// By lane and begin; at most about `most`, by making the shortest time that is drawn by itself longer. A failure never
/// becomes part of a bar of another outcome; only when failures alone are too many, neighbours among them become one.
std::vector<Bar> bars_of(const RunStory& story, std::size_t most);

}  // namespace gradus
