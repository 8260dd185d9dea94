// Knows the rules of a run and watches that they are kept.
//
// Knows: the graph, what was asked of each step, every fact and every decision in order; from these alone
//        it works out who may run, who must be settled, and which slots are free.
// Unaware of: how the scheduler comes to its decisions. It shares no code with it but the graph.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "gradus/cluster.h"
#include "gradus/run_loop.h"
#include "gradus/scheduler.h"

namespace gradus::support {

class Referee final : public Observer {
 public:
  /// `scheduler` is asked for its own sanity_check(), counts and states; it must outlive the referee.
  Referee(std::shared_ptr<const Graph> graph, SchedulerOptions options, const Scheduler& scheduler);

  void on_fact(const Fact& fact, const Decisions& decisions, double now) override;
  void on_time(const Decisions& decisions, double now) override;
  void commit(double now) override;
  /// Called with every action just before the cluster is told to take it.
  void sees(const LaunchAttempt& launch);
  void sees(const KillAttempt& kill);
  /// The run is said to be over: is it, and did it come to what happened?
  void final_whistle();

  /// What was against the rules, in the order in which it was seen; at most some dozens.
  const std::vector<std::string>& complaints() const { return complaints_; }
  /// All of them, and what happened shortly before the first.
  std::string report() const;

 private:
  enum class Fate : std::uint8_t { open, succeeded, failed, skipped };
  struct Ask {
    bool gpu = false;
    std::uint32_t gpus = 0, cpus = 0, nodes = 0;
    bool operator==(const Ask&) const = default;
    bool is_single() const { return gpus <= 1 && cpus <= 1 && nodes == 0; }
  };
  struct Place {
    std::uint32_t node;
    WorkerId worker;
    std::vector<std::uint32_t> slots;
  };
  struct Worker {
    WorkerShape shape;
    bool alive = true;
    std::vector<StepIndex> occupants;
    std::map<std::uint32_t, std::deque<StepIndex>> waiting;  // by slot: what runs there next
    std::set<StepIndex> live;
  };
  struct Settling {
    std::map<StepIndex, StepState> states;            // steps that must be reported settled now
    std::map<StepIndex, std::set<StepIndex>> causes;  // of the skipped ones
    std::vector<StepIndex> failed;
    StepIndex stopped_by = no_step;  // --on-error stop comes into force by that step
  };

  void complain(const std::string& what);
  void note(const std::string& what);
  std::string name(StepIndex step) const;
  Ask ask(StepIndex step) const;

  void judge(const WorkerJoined& fact, const Decisions& decisions, double now);
  void judge(const AttemptEnded& fact, const Decisions& decisions, double now);
  void judge(const WorkerLost& fact, const Decisions& decisions, double now);
  void judge(const StopRequested& fact, const Decisions& decisions, double now);
  void judge(const HoldRequested& fact, const Decisions& decisions, double now);
  void judge_kills(const Decisions& decisions, bool expected, bool at_once);
  void judge_settled(const Decisions& decisions, Settling& settling);
  void spread_failure(StepIndex failed, Settling& settling);
  void count_loss(StepIndex step, Settling& settling);
  void leave_slots(StepIndex step);
  bool withdraw(StepIndex step, std::uint32_t attempt);

  void judge_launch(const LaunchAttempt& launch);
  void judge_quarantine(const Decisions& decisions);
  std::uint32_t quarantined_failures(StepIndex step) const;
  void judge_slots(const LaunchAttempt& launch, const Worker& worker);
  void judge_waiting(const LaunchAttempt& launch, Worker& worker);
  bool is_waiting(StepIndex step) const;
  void judge_call_backs(const Decisions& decisions, bool may_be_late, bool nothing_is_to_start);
  void judge_nodes(const LaunchAttempt& launch);
  std::size_t nodes_for(const Ask& ask, bool only_free) const;
  void judge_gpus(const LaunchAttempt& launch, const Worker& worker);
  void judge_retry_place(const LaunchAttempt& launch, const Worker& worker);
  void judge_retry_slot(const LaunchAttempt& launch, const std::vector<Place>& places, bool other_node);
  void judge_batch(const std::vector<LaunchAttempt>& launches);
  void judge_idle_slots(const std::vector<StepIndex>& ready);
  void note_row(const AttemptEnded& fact, const LaunchAttempt& launch);
  std::size_t perhaps_paused() const;
  void judge_cpu_only_on_gpu(const LaunchAttempt& launch, const std::vector<StepIndex>& ready);
  void judge_order(const LaunchAttempt& launch, const std::vector<StepIndex>& ready);

  /// Then nobody but the scheduler knows what it expects not to end in time.
  bool has_limit() const { return options_.end_running_at < std::numeric_limits<double>::infinity(); }
  bool may_launch() const { return stop_ == StopKind::none && !halted_; }
  bool needs_met(StepIndex step) const;
  bool barrier_passed(StepIndex barrier) const;
  std::vector<StepIndex> ready_steps() const;
  bool holds(const Ask& ask, const WorkerShape& shape, const std::vector<std::uint32_t>& slots) const;
  bool holds(const Ask& ask, const Worker& worker) const;
  static constexpr StepIndex out_of_use = no_step - 1;
  std::vector<std::uint32_t> free_slots(const Worker& worker) const;
  std::size_t free_slots_for(const Ask& ask, bool gpu_slots_too) const;
  bool has_failed_before(StepIndex step) const { return failed_places_.contains(step); }

  std::shared_ptr<const Graph> graph_;
  SchedulerOptions options_;
  const Scheduler& scheduler_;
  std::vector<Fate> fates_;           // by node; of barriers only skipped is kept here
  mutable std::vector<bool> passed_;  // barriers known to be passed
  std::vector<std::uint32_t> attempts_, failures_, losses_;
  std::unordered_map<StepIndex, LaunchAttempt> live_;
  std::set<std::pair<WorkerId, std::uint32_t>> quarantined_;
  std::map<std::pair<WorkerId, std::uint32_t>, std::uint32_t> failures_in_a_row_;  // by slot, since its last success
  std::set<StepIndex> called_back_;
  std::map<StepIndex, std::uint32_t> never_began_;  // attempts that were called back in time
  std::set<StepIndex> cut_;                         // live on several nodes, of which one is lost
  std::unordered_map<StepIndex, std::vector<Place>> failed_places_;
  std::map<WorkerId, Worker> workers_;
  StopKind stop_ = StopKind::none;
  bool halted_ = false;
  bool more_workers_follow_ = false;
  double finish_at_ = 0;
  double now_ = 0;
  bool is_over_for_time_ = false;
  double held_until_ = 0;
  std::deque<LaunchAttempt> decided_;
  std::size_t committed_ = 0;  // of the decided ones
  std::uint64_t facts_ = 0;
  std::uint64_t look_closely_every_ = 1;
  std::deque<std::string> story_;
  std::string story_before_first_;
  std::vector<std::string> complaints_;
};

/// Shows the referee every action before the real cluster takes it.
class RefereedCluster final : public Cluster {
 public:
  RefereedCluster(Cluster& cluster, Referee& referee) : cluster_(cluster), referee_(referee) {}
  void perform(const LaunchAttempt& launch) override {
    referee_.sees(launch);
    cluster_.perform(launch);
  }
  void perform(const KillAttempt& kill) override {
    referee_.sees(kill);
    cluster_.perform(kill);
  }
  void wait(double until, std::vector<Fact>& facts) override { cluster_.wait(until, facts); }
  double now() const override { return cluster_.now(); }

 private:
  Cluster& cluster_;
  Referee& referee_;
};

}  // namespace gradus::support
