// How many nodes are worth having.
//
// Knows: the rule by which a number of nodes is called enough.
// Unaware of: how a prediction for so many nodes is made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "sim/prediction.h"

namespace gradus {

struct NodeSweep {
  static constexpr double near_best = 1.05;  ///< a makespan of at most this times the best is as good
  static constexpr double worthwhile = 1.5;  ///< a doubling that shortens the makespan by less than this is dear

  std::map<std::uint32_t, Prediction> by_nodes;  ///< all that were tried
  std::uint32_t best_nodes = 0;                  ///< the shortest makespan; the fewest nodes that have it
  std::uint32_t enough_nodes = 0;                ///< the fewest nodes that are as good as the best: more is waste
  /// The last of 1, 2, 4, … that was at least `worthwhile` times as fast as half of it; 0: none was.
  std::uint32_t worthwhile_nodes = 0;
};

/// The prediction for so many nodes; nothing when the steps do not fit on so few.
using PredictNodes = std::function<std::optional<Prediction>(std::uint32_t nodes)>;

/// Tries 1, 2, 4, … nodes until the longest chain decides, two doublings have gained nothing or there are more slots
/// than steps, at most `most_nodes`; then looks between two of them for the fewest that are enough, which is exact when
/// more nodes never make a run longer. Empty when the steps fit nowhere.
NodeSweep sweep_nodes(const PredictNodes& predict_nodes, std::uint32_t most_nodes);

}  // namespace gradus
