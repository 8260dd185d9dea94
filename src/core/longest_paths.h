// For each node of a graph, how long what hangs on it takes.
//
// Knows: prerequisites. Unaware of: where durations come from, slots.
#pragma once

#include <span>
#include <vector>

#include "gradus/graph.h"

namespace gradus {

/// Seconds from the start of each node to the end of all that needs it, without waiting for slots. `seconds` by step;
/// barriers take no time. Costs time proportional to nodes and prerequisites.
std::vector<float> longest_paths(const Graph& graph, std::span<const float> seconds);

}  // namespace gradus
