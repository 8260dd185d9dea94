// The cycles of a graph that has some.
//
// Knows: nodes and their needs.
// Unaware of: what the nodes are called and how a cycle is told to the user.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph.h"

namespace gradus {

/// One shortest cycle through the smallest node of every strongly connected component, each as the nodes
/// in order of their needs (the last needs the first), smallest node first. `unmet` tells for each node how
/// many needs a topological order left open; only nodes above 0 are looked at.
std::vector<std::vector<StepIndex>> find_cycles(const Graph& graph, const std::vector<std::uint32_t>& unmet);

}  // namespace gradus
