#include "core/longest_paths.h"

#include <algorithm>
#include <cstdint>

namespace gradus {
namespace {

/// Prerequisites before those that need them.
std::vector<StepIndex> topological_order(const Graph& graph) {
  const auto nodes = static_cast<StepIndex>(graph.node_count());
  std::vector<std::uint32_t> unmet(nodes);
  std::vector<StepIndex> order;
  order.reserve(nodes);
  for (StepIndex node = 0; node < nodes; ++node) {
    unmet[node] = static_cast<std::uint32_t>(graph.needs(node).size());
    if (unmet[node] == 0) order.push_back(node);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const auto dependent : graph.dependents(order[i])) {
      if (--unmet[dependent] == 0) order.push_back(dependent);
    }
  }
  return order;
}

}  // namespace

std::vector<float> longest_paths(const Graph& graph, std::span<const float> seconds) {
  const auto order = topological_order(graph);
  std::vector<float> path(graph.node_count(), 0);
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    float longest = 0;
    for (const auto dependent : graph.dependents(*it)) longest = std::max(longest, path[dependent]);
    path[*it] = longest + (graph.is_barrier(*it) ? 0 : seconds[*it]);
  }
  return path;
}

}  // namespace gradus
