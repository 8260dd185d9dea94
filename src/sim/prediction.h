// What a run would come to: the real scheduler and the real loop in the simulated cluster.
//
// Knows: which duration to expect of each step and whence, how to run a simulation and what to measure in it.
// Unaware of: how the machine was described, and who asked.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "gradus/durations.h"
#include "gradus/graph.h"
#include "gradus/scheduler.h"
#include "sim/lower_bound.h"

namespace gradus {

/// What each step is expected to take.
struct ExpectedDurations {
  std::vector<float> seconds;  ///< by step
  std::size_t by_cost = 0;     ///< how many have it from their cost
  std::size_t learnt = 0;      ///< … from an earlier life: this step's own, else the mean of its shape
  std::size_t guessed = 0;     ///< … from nothing better than guess_s
  double guess_s = 1;          ///< the mean of all that was learnt, else the mean of the costs, else 1
  DurationModel model;         ///< what was learnt, by shape of command
};

/// `own_s`: by step what it took in an earlier life, negative where that is not known; or empty.
ExpectedDurations expect_durations(const Graph& graph, DurationModel learnt, std::span<const double> own_s);

struct PredictionOptions {
  double message_delay_s = 0;          ///< from the end of an attempt until the master knows: up to this
  std::vector<bool> succeeded_before;  ///< by step; empty: none
  OnError on_error = OnError::keep_going;
  double retry_delay_s = 0;                                         ///< see SchedulerOptions
  double end_running_at = std::numeric_limits<double>::infinity();  ///< seconds from the start; nothing runs longer
};

struct Prediction {
  std::uint32_t nodes = 0;
  SlotCounts slots;
  StepCounts counts;
  double makespan_s = 0;    ///< until the last end of an attempt
  bool is_cut_off = false;  ///< steps are left because of end_running_at
  LowerBound bound;
  double gpu_busy_s = 0, cpu_busy_s = 0;  ///< slot-seconds; slots that a step holds without using them count
  /// The last moment at which 9 of 10 slots were busy; 0 when there was none. What comes after is the tail.
  double full_until_s = 0;

  /// Neither done nor given up: for want of time, or after a failure.
  std::uint64_t left() const { return counts.waiting + counts.ready; }
  double tail_s() const { return makespan_s - full_until_s; }
  double gpu_use() const { return share(gpu_busy_s, slots.gpu); }
  double cpu_use() const { return share(cpu_busy_s, slots.cpu); }
  double over_bound() const { return bound.seconds() > 0 ? makespan_s / bound.seconds() : 1; }

 private:
  double share(double busy_s, std::uint64_t count) const {
    return count == 0 || makespan_s <= 0 ? 0 : busy_s / (static_cast<double>(count) * makespan_s);
  }
};

/// Every attempt takes what is expected and succeeds, unless its time limit ends it before.
Prediction predict(const std::shared_ptr<const Graph>& graph, const Workers& workers,
                   const ExpectedDurations& durations, const PredictionOptions& options = {});

}  // namespace gradus
