// Which attempt a step had to wait for.
//
// Knows: needs, barriers, ends. Unaware of: slots.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "report/run_story.h"

namespace gradus {

class Prerequisites {
 public:
  /// `story` must outlive this; without its graph nothing is known.
  explicit Prerequisites(const RunStory& story);
  /// Of all attempts that ended something which this step needs, also through barriers, the one that ended last.
  std::optional<std::uint32_t> latest(std::uint32_t step) const;
  /// The same for everything above a barrier, or the last attempt of a step; of a node of the graph.
  std::optional<std::uint32_t> latest_of(StepIndex node) const;

 private:
  std::optional<std::uint32_t> latest_above(StepIndex node) const;

  const RunStory& story_;
  std::vector<std::optional<std::uint32_t>> barriers_;  // by node - step_count
};

}  // namespace gradus
