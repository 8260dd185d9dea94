// The steps of a run that were ever started, with all their attempts in all lives.
//
// Knows: which attempts are of one step, its name, which step of the steps file it is.
// Unaware of: times and places.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "gradus/graph.h"
#include "run/chronicle.h"

namespace gradus {

class StepTable {
 public:
  /// `graph`: of the latest life's steps file; null: not there.
  StepTable(const Chronicle& chronicle, const Graph* graph);

  std::uint32_t size() const { return static_cast<std::uint32_t>(begin_.size() - 1); }
  std::uint32_t of_attempt(std::size_t attempt) const { return of_attempt_[attempt]; }
  /// By launch, never empty. Those that never began are left out when others did.
  std::span<const std::uint32_t> attempts(std::uint32_t step) const {
    return {attempts_.data() + begin_[step], attempts_.data() + begin_[step + 1]};
  }
  std::uint32_t last_attempt(std::uint32_t step) const { return attempts_[begin_[step + 1] - 1]; }
  /// Its id, else its ordinal, as in the latest life in which it was started.
  std::string name(std::uint32_t step) const;
  /// In the steps file; no_step when that is not there, or no longer has it.
  StepIndex in_graph(std::uint32_t step) const { return in_graph_.empty() ? no_step : in_graph_[step]; }
  /// Of a step of the steps file; absent: it was never started.
  std::optional<std::uint32_t> of_graph(StepIndex step) const;
  /// Whether the files of that attempt's output are its own, and no later life's.
  bool owns_output(std::size_t attempt) const;

 private:
  void list(std::size_t steps);
  void match(const Graph& graph, const std::unordered_map<std::uint64_t, std::uint32_t>& known);

  const Chronicle& chronicle_;
  std::vector<std::uint32_t> of_attempt_, attempts_;
  std::vector<std::size_t> begin_{0};
  std::vector<StepIndex> in_graph_;
  std::vector<std::uint32_t> of_graph_;
  std::unordered_map<std::uint32_t, std::uint32_t> latest_life_;  // by ordinal
};

}  // namespace gradus
