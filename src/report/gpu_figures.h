// How busy GPU steps kept their GPUs, over all and by shape of command.
//
// Knows: the figures of ended attempts; how the run's slots shared GPUs. Unaware of: how the figures were got.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/run_story.h"

namespace gradus {

struct GpuFigures {
  struct OfShape {
    std::string shape;
    double busy = -1;              ///< mean over the attempts' time, 0..1; negative: not known
    std::uint32_t memory_mib = 0;  ///< the most that any attempt had; 0: not known
    std::uint64_t samples = 0;
  };
  bool is_known = false;
  double busy = -1;               ///< as above
  std::vector<OfShape> by_shape;  ///< the most samples first; empty without the steps file
  std::string text;               ///< `GPU steps kept their GPU 34 % busy, …`; empty: nothing is known
  std::string advice;             ///< `two per GPU may pay (--threads 9)`; empty: nothing to say
};
GpuFigures gpu_figures_of(const RunStory& story);

}  // namespace gradus
