// Which steps of a run could start, and what holds back the others.
//
// Knows: the graph, and where each step stands by the journal. Unaware of: slots, time.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph.h"
#include "run/chronicle.h"

namespace gradus {

class Readiness {
 public:
  /// Both must outlive this. The graph is that of the latest life.
  Readiness(const Graph& graph, const Chronicle& chronicle);

  bool succeeded(StepIndex step) const;
  /// It has reached its end: succeeded, failed or skipped.
  bool settled(StepIndex step) const;
  bool runs(StepIndex step) const { return chronicle_.standing(step + 1) == StepStanding::running; }
  /// Neither settled nor running.
  bool waits(StepIndex step) const { return !settled(step) && !runs(step); }
  /// It waits, and all that it needs is there.
  bool is_ready(StepIndex step) const { return waits(step) && held_back_by(step).empty(); }

  /// What a node still needs of its direct needs: steps and barriers.
  std::vector<StepIndex> held_back_by(StepIndex node) const;
  /// The running or ready step, or the failed one, at the end of a chain of needs that are not met; `step` when it
  /// needs nothing more.
  StepIndex root_of(StepIndex step) const;

 private:
  bool is_met(StepIndex need, BarrierKind for_what) const;

  const Graph& graph_;
  const Chronicle& chronicle_;
  std::vector<bool> barrier_met_;
};

}  // namespace gradus
