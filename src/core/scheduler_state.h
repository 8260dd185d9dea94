// What the scheduler keeps, shared by its four parts: scheduler.cpp (facts and states), dispatch.cpp (where a ready
// step goes), prefetch.cpp (short steps that wait at the slots) and suspects.cpp (slots under suspicion).
//
// Knows: every collection and what lives in it.
// Unaware of: who drives it; nothing outside these files includes this.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/by_step.h"
#include "core/earliest_workers.h"
#include "core/ready_queues.h"
#include "core/slot_choice.h"
#include "core/slot_health.h"
#include "core/slot_queues.h"
#include "core/slot_table.h"
#include "gradus/durations.h"
#include "gradus/scheduler.h"

namespace gradus {

inline constexpr double never = std::numeric_limits<double>::infinity();

/// Our own bug: tell the step's story and stop; this check stays on in release.
[[noreturn]] inline void scheduler_bug(const std::string& what) { throw std::logic_error("scheduler: " + what); }

inline std::uint64_t slot_number(WorkerPlace worker, std::uint32_t slot) { return std::uint64_t{worker} << 32 | slot; }

struct Scheduler::Impl {
  struct Live {
    std::uint32_t attempt = 0;
    WorkerPlace worker = 0;
    std::vector<std::uint32_t> slots;
    std::vector<WorkerPlace> with;  // the other workers that it holds whole (a step with nodes)
    bool lost_a_part = false;       // one of those is gone: it was told to end
    double launched_at = 0;
    double sent_at = 0;        // launched_at, but for one that had to wait on its slot first
    bool waits = false;        // behind another on its slot; it becomes the occupant later
    bool called_back = false;  // told not to begin
  };
  /// Places where a step's attempts failed, for choosing another; kept only for
  /// steps that failed, were lost or called back.
  struct Tried {
    std::vector<std::uint32_t> nodes;  // ascending
    std::vector<std::uint64_t> slots;  // ascending
    std::uint32_t last_node = 0;
    std::vector<std::uint64_t> last_slots;  // ascending
    std::uint32_t losses = 0;
    std::uint32_t forgiven = 0;     // failures that were a bad slot's
    std::uint32_t called_back = 0;  // attempts that never began
  };

  std::shared_ptr<const Graph> graph;
  SchedulerOptions options;
  std::vector<StepState> states;        // by node: steps, then barriers
  std::vector<std::uint32_t> unmet;     // by node: prerequisites not settled yet
  std::vector<std::uint32_t> attempts;  // by step
  std::unordered_map<StepIndex, Tried> tried;
  ByStep<Live> live;
  StepCounts counts;
  ReadyQueues ready;
  SlotTable slots;
  std::map<Demand, EarliestWorkers> earliest;  // for demands that had slots kept for them
  SlotQueues queues;
  double look_for_late_at = never;
  StepIndex kept_for = no_step;
  bool kept_came_free = false;  // a launch gave up what was kept
  double kept_until = 0;        // when the kept slots are expected to be free together
  StopKind stop = StopKind::none;
  bool halted = false;               // on_error stop
  bool more_workers_follow = false;  // nothing is launched before the last of those announced is there
  double finish_deadline = never;
  double held_until = -never;          // HoldRequested; behind it the next advance() goes on
  DurationModel durations;             // of attempts that succeeded, by shape of command
  std::vector<std::uint64_t> shapes;   // by step; computed once, since commands are asked about again and again
  std::vector<float> learnt_paths;     // by node, when earlier lives have left durations; else the graph's count
  std::vector<StepIndex> out_of_time;  // ready, but cannot be expected to end before the limit
  bool told_to_end_for_time = false;
  SlotHealth health;
  std::unordered_map<std::uint64_t, std::int64_t> live_of_shape;  // attempts under way, by shape of command
  std::set<std::uint64_t> paused;                                 // suspect slots that get nothing for now
  std::set<std::pair<double, StepIndex>> delayed;                 // failed, to be ready again at that moment

  Impl(std::shared_ptr<const Graph> the_graph, SchedulerOptions the_options);

  void take_paths_from_earlier_lives();
  ReadyQueues::Entry entry(StepIndex step) const {
    return {graph->options(step).priority, learnt_paths.empty() ? graph->longest_path_s(step) : learnt_paths[step],
            step};
  }

  std::uint64_t& count(StepState state);
  void transition(StepIndex node, StepState to);
  void make_ready(StepIndex step);
  void prerequisite_met(StepIndex node, std::vector<StepIndex>& barriers_done);
  void settle(StepIndex step, StepState state, Decisions& out);
  void succeed_dependents(StepIndex node);
  void skip_dependents(StepIndex failed, Decisions& out);

  void on(const WorkerJoined& fact, double now, Decisions& out);
  void on(const AttemptEnded& fact, double now, Decisions& out);
  void on(const WorkerLost& fact, double now, Decisions& out);
  void on(const StopRequested& fact, double now, Decisions& out);
  void on(const HoldRequested& fact, double now, Decisions& out);
  void lose_attempt(StepIndex step, Decisions& out);
  void note_health(StepIndex step, const Live& was, bool succeeded, Decisions& out);
  void quarantine(WorkerPlace place, std::uint32_t slot, Decisions& out);
  void count_shape(StepIndex step, int more);
  bool should_pause(std::uint64_t suspect) const;
  void review_pauses();
  bool is_paused(WorkerPlace worker, std::uint32_t slot) const {
    return !paused.empty() && paused.contains(slot_number(worker, slot));
  }
  double retry_delay(std::uint32_t failures) const;
  void end_delays(double now, Decisions& out);
  void fail_or_retry(StepIndex step, const Live& was, double now, Decisions& out);
  void kill_all(bool at_once, Decisions& out) const;

  /// As far as stops are concerned; see is_held().
  bool may_launch() const { return stop == StopKind::none && !halted; }
  bool is_held(double now) const { return now < held_until; }
  void end_hold(double now, Decisions& out);
  double expected_s(StepIndex step) const;
  bool fits_before_limit(StepIndex step, double now) const;
  void put_aside_what_does_not_fit(double now);
  static bool node_suits(const Demand& demand, const SlotTable::Node& node) {
    return !node.workers.empty() && node.is_whole && node_will_do(demand, node.gpus);
  }
  bool could_go(const Demand& demand, const Avoid& avoid) const;
  Avoid places_to_avoid(StepIndex step, const Demand& demand) const;
  void ask_retries_again();
  bool worker_could_hold(const Demand& demand, WorkerPlace place) const;

  void dispatch(double now, Decisions& out);
  void launch_in_order(bool on_gpu_slots, double now, Decisions& out);
  bool launch_head(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_any_slot(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_some_worker(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_nodes(std::size_t group, double now, Decisions& out);
  bool launch_on_worker(std::size_t group, WorkerPlace worker, bool on_gpu_slots, double now, Decisions& out);
  void launch(std::size_t group, WorkerPlace worker, const std::vector<std::uint32_t>& chosen, double now,
              Decisions& out, const std::vector<WorkerPlace>& with = {});
  void free_slots_of(StepIndex step, const Live& attempt, double now);
  double free_at(WorkerPlace worker, std::uint32_t slot, double now) const;
  /// The slots that the head of the group could have first, and when; empty when it can never have any.
  struct Promise {
    double at = never;
    std::vector<SlotPlace> slots;
  };
  Promise promise_of(const Demand& demand, const Avoid& avoid, WorkerPlace place, double before, double now) const;
  Promise earliest_on_one_worker(const Demand& demand, const Avoid& avoid, double now);
  EarliestWorkers* known_earliest(const Demand& demand, const Avoid& avoid);
  double expected_to_hold_at(const Demand& demand, WorkerPlace place) const;
  void slots_changed(WorkerPlace place);
  Promise earliest_on_nodes(const Demand& demand, const Avoid& avoid, double now) const;
  bool ends_before_kept_are_needed(StepIndex step, double now) const { return now + expected_s(step) <= kept_until; }
  /// Those that come before it in order too: slots are never kept from a step
  /// for one of lower order.
  bool may_fill_kept(StepIndex step, double now) const {
    return step == kept_for || entry(kept_for) < entry(step) || ends_before_kept_are_needed(step, now);
  }
  bool is_wanted_by_gpu_step(WorkerPlace worker) const;
  void keep_slots_for(std::size_t group, double now);
  bool keeps_gpu_slots_in_vain() const;
  void give_up_kept();

  std::uint32_t called_back_before(StepIndex step) const {
    const auto it = tried.find(step);
    return it == tried.end() ? 0 : it->second.called_back;
  }
  double observed_s(StepIndex step) const;
  bool may_wait_behind(StepIndex step) const;
  void let_others_wait_behind(StepIndex step, const SlotPlace& place);
  void prefetch(double now, Decisions& out);
  bool send_to_wait(std::size_t group, double now, Decisions& out);
  void begin_next_on(const SlotPlace& place, double now);
  void call_back(const SlotPlace& place, Decisions& out);
  void call_back_all(Decisions& out);
  void call_back_late_ones(double now, Decisions& out);

  std::string check_shapes() const;
  std::string sanity_check() const;
};

}  // namespace gradus
