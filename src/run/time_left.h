// How much longer a run goes on, by what its steps have taken so far.
//
// Knows: durations by step, by shape of command and over all; the slots that are there; chains of needs.
// Unaware of: where the steps and the chronicle come from, how it is shown.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/by_hash.h"
#include "gradus/graph.h"
#include "run/chronicle.h"

namespace gradus {

struct RunStatus;

/// What is needed of the steps themselves; made once and used for many looks. Immutable, any thread.
class KnownSteps {
 public:
  /// `graph`: that of the latest life.
  explicit KnownSteps(std::shared_ptr<const Graph> graph);

  const Graph& graph() const { return *graph_; }
  /// See command_shape().
  std::uint64_t shape(StepIndex step) const { return shapes_[step]; }
  /// The step with that StepKey::key, or no_step.
  StepIndex with_key(std::uint64_t key) const;

 private:
  std::shared_ptr<const Graph> graph_;
  std::vector<std::uint64_t> shapes_;
  ByHash<StepIndex> by_key_;
};

/// Seconds until the last step ends if nothing new goes wrong; a lower bound of what is to be expected: the work that
/// is left over the slots that are there (that of GPU steps over GPU slots), or the longest chain of steps that need
/// each other. A step takes what it took when it succeeded before, in whichever life; else the mean of those with its
/// shape of command; else its cost; else the mean of all. Nothing when no step has succeeded yet and no costs are
/// known, when the run is stopping, or when it does not go on. `steps`: null, or not those of the latest life: one mean
/// of this life's attempts for all, and no chains. Uses of `status`: the state, what runs, the slots, the rate.
std::optional<double> time_left_s(const RunStatus& status, const Chronicle& chronicle, const KnownSteps* steps);

}  // namespace gradus
