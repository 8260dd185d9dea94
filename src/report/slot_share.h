// How busy the slots were over time.
//
// Knows: bins of time, slots with and without a GPU. Unaware of: outcomes.
#pragma once

#include <cstddef>
#include <vector>

#include "report/run_story.h"

namespace gradus {

struct SlotShare {
  double bin_s = 0;
  /// By bin: the share of the slots that were there which an attempt held, 0..1; negative: none was there.
  std::vector<double> gpu, cpu;
};
SlotShare slot_share_of(const RunStory& story, std::size_t bins);

}  // namespace gradus
