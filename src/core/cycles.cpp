#include "core/cycles.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace gradus {
namespace {

/// The strongly connected components of what the topological order left over (Tarjan's algorithm with a
/// stack of its own: a cycle of a million steps must not end the program).
class Components {
 public:
  Components(const Graph& graph, const std::vector<std::uint32_t>& unmet)
      : graph_(graph), unmet_(unmet), number_(unmet.size(), 0), low_(unmet.size(), 0), is_open_(unmet.size(), false) {}

  /// The components with a cycle, each with its smallest node, in order of that node.
  std::map<StepIndex, std::vector<StepIndex>> tangled() {
    for (StepIndex node = 0; node < unmet_.size(); ++node) {
      if (unmet_[node] > 0 && number_[node] == 0) walk(node);
    }
    return std::move(tangled_);
  }

 private:
  struct Visit {
    StepIndex node;
    std::uint32_t next;  // which of its needs comes next
  };

  void walk(StepIndex start) {
    enter(start);
    while (!visits_.empty()) {
      auto& [node, next] = visits_.back();
      const auto needs = graph_.needs(node);
      if (next == needs.size()) {
        leave(node);
        continue;
      }
      const auto needed = needs[next++];
      if (unmet_[needed] == 0) continue;
      if (number_[needed] == 0) {
        enter(needed);
      } else if (is_open_[needed]) {
        low_[node] = std::min(low_[node], number_[needed]);
      }
    }
  }

  void enter(StepIndex node) {
    number_[node] = low_[node] = ++count_;
    is_open_[node] = true;
    open_.push_back(node);
    visits_.push_back({node, 0});
  }

  void leave(StepIndex node) {
    visits_.pop_back();
    if (!visits_.empty()) low_[visits_.back().node] = std::min(low_[visits_.back().node], low_[node]);
    if (low_[node] == number_[node]) close(node);
  }

  /// All that was opened since `root` is one component. Self-needs never become edges, so a component of
  /// one has no cycle.
  void close(StepIndex root) {
    const auto begin = std::find(open_.rbegin(), open_.rend(), root).base() - 1;
    std::vector<StepIndex> component(begin, open_.end());
    open_.erase(begin, open_.end());
    for (const auto node : component) is_open_[node] = false;
    if (component.size() == 1) return;
    const auto smallest = *std::min_element(component.begin(), component.end());
    tangled_.emplace(smallest, std::move(component));
  }

  const Graph& graph_;
  const std::vector<std::uint32_t>& unmet_;
  std::vector<std::uint32_t> number_, low_;
  std::vector<bool> is_open_;
  std::vector<StepIndex> open_;
  std::vector<Visit> visits_;
  std::uint32_t count_ = 0;
  std::map<StepIndex, std::vector<StepIndex>> tangled_;
};

using Parents = std::unordered_map<StepIndex, StepIndex>;

std::vector<StepIndex> path_from(StepIndex start, StepIndex node, const Parents& parents) {
  std::vector<StepIndex> path;
  for (; node != start; node = parents.at(node)) path.push_back(node);
  path.push_back(start);
  std::reverse(path.begin(), path.end());
  return path;
}

/// Breadth first along the needs inside the component, until one leads back to the start.
std::vector<StepIndex> shortest_cycle(const Graph& graph, StepIndex start, const std::vector<StepIndex>& component) {
  Parents parents;
  for (const auto node : component) parents.emplace(node, no_step);
  std::vector<StepIndex> queue{start};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const auto needed : graph.needs(queue[i])) {
      if (needed == start) return path_from(start, queue[i], parents);
      const auto it = parents.find(needed);
      if (it == parents.end() || it->second != no_step) continue;
      it->second = queue[i];
      queue.push_back(needed);
    }
  }
  return component;  // not reached: in a component every node leads to every other
}

}  // namespace

std::vector<std::vector<StepIndex>> find_cycles(const Graph& graph, const std::vector<std::uint32_t>& unmet) {
  std::vector<std::vector<StepIndex>> cycles;
  for (const auto& [smallest, component] : Components(graph, unmet).tangled()) {
    cycles.push_back(shortest_cycle(graph, smallest, component));
  }
  return cycles;
}

}  // namespace gradus
