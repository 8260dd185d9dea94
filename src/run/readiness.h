// Which steps of a run could start, and what holds back the others.
//
// Knows: the graph, and where each step stands by the journal. Unaware of: slots, time.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph.h"
#include "run/chronicle.h"

namespace gradus {

/// False where `graph` belongs to another life than the latest one, whose ordinals then mean nothing in it: a life that
/// dies before its first record leaves its copy of the steps behind.
bool is_of_latest_life(const Graph& graph, const Chronicle& chronicle);

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
  bool is_ready(StepIndex step) const { return waits(step) && has_what_it_needs(step); }

  /// What a node still needs of its direct needs: steps and barriers.
  std::vector<StepIndex> held_back_by(StepIndex node) const;
  /// The running or ready step, or the failed one, at the end of a chain of needs that are not met; `step` when it
  /// needs nothing more. Remembered for all on the way: a million steps in chains cost no more than a million looks.
  StepIndex root_of(StepIndex step);

 private:
  bool is_met(StepIndex need, BarrierKind for_what) const;
  bool has_what_it_needs(StepIndex node) const { return first_unmet(node) == no_step; }
  StepIndex first_unmet(StepIndex node) const;
  BarrierKind kind_of(StepIndex node) const;

  const Graph& graph_;
  const Chronicle& chronicle_;
  std::vector<bool> barrier_met_;
  std::vector<StepIndex> roots_;  // by node; no_step: not looked for yet
};

}  // namespace gradus
