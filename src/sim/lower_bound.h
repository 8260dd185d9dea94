// How soon a run could end at the very best.
//
// Knows: steps, their durations, how many slots there are of each kind.
// Unaware of: every rule of order; no schedule, however clever, ends before this.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "gradus/graph.h"
#include "gradus/scheduler.h"

namespace gradus {

using Workers = std::vector<std::pair<WorkerId, WorkerShape>>;

struct LowerBound {
  double work_s = 0;          ///< slot-seconds of the steps over the slots that can take them
  bool by_gpu_slots = false;  ///< `work_s` is that of GPU steps over GPU slots, which is more than all over all
  double path_s = 0;          ///< the longest chain of steps of which each needs the one before
  double longest_step_s = 0;
  double seconds() const { return work_s > path_s ? work_s : path_s; }
};

/// `seconds` by step, 0 for one that need not run; every step must fit somewhere. A step that needs several slots
/// counts with as many as the scheduler would take where they are fewest.
LowerBound lower_bound(const Graph& graph, std::span<const float> seconds, const Workers& workers);

/// Slots of both kinds.
struct SlotCounts {
  std::uint64_t gpu = 0, cpu = 0;
  std::uint64_t all() const { return gpu + cpu; }
};
SlotCounts count_slots(const WorkerShape& shape);
SlotCounts count_slots(const Workers& workers);

}  // namespace gradus
