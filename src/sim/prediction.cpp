#include "sim/prediction.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "gradus/run_loop.h"
#include "gradus/simulated_cluster.h"

namespace gradus {
namespace {

/// Counts busy slots while the run goes by.
class Meter final : public Observer {
 public:
  Meter(const Workers& workers, Prediction& prediction) : prediction_(prediction) {
    for (const auto& [id, shape] : workers) {
      auto& kinds = is_gpu_[id];
      for (const auto& slot : shape.slots) kinds.push_back(!slot.gpus.empty());
    }
  }

  void on_fact(const Fact& fact, const Decisions& decisions, double now) override {
    if (const auto* ended = std::get_if<AttemptEnded>(&fact)) end(*ended, now);
    start(decisions, now);
  }
  void on_time(const Decisions& decisions, double now) override { start(decisions, now); }
  void commit(double now) override {
    const bool is_full = 10 * busy_ >= 9 * prediction_.slots.all();
    if (was_full_ && !is_full) prediction_.full_until_s = now;
    was_full_ = is_full;
  }

 private:
  struct Live {
    double since = 0;
    SlotCounts slots;
  };

  void start(const Decisions& decisions, double now) {
    for (const auto& launch : decisions.launches) {
      auto& live = live_[launch.step];
      live = {now, {}};
      for (const auto slot : launch.slots) count(launch.worker, slot, live.slots);
      for (const auto worker : launch.with) {
        for (std::uint32_t slot = 0; slot < is_gpu_[worker].size(); ++slot) count(worker, slot, live.slots);
      }
      busy_ += live.slots.all();
    }
  }
  void count(WorkerId worker, std::uint32_t slot, SlotCounts& counts) {
    ++(is_gpu_[worker][slot] ? counts.gpu : counts.cpu);
  }
  void end(const AttemptEnded& ended, double now) {
    const auto it = live_.find(ended.step);
    if (it == live_.end()) return;
    const double held = now - it->second.since;
    prediction_.gpu_busy_s += held * static_cast<double>(it->second.slots.gpu);
    prediction_.cpu_busy_s += held * static_cast<double>(it->second.slots.cpu);
    prediction_.makespan_s = now;
    busy_ -= it->second.slots.all();
    live_.erase(it);
  }

  Prediction& prediction_;
  std::unordered_map<WorkerId, std::vector<bool>> is_gpu_;
  std::unordered_map<StepIndex, Live> live_;
  std::uint64_t busy_ = 0;
  bool was_full_ = false;
};

bool is_done(const PredictionOptions& options, StepIndex step) {
  return step < options.succeeded_before.size() && options.succeeded_before[step];
}

/// What is there to do: nothing of those that succeeded before, no more than the time limit of the others.
std::vector<float> seconds_to_run(const Graph& graph, const ExpectedDurations& durations,
                                  const PredictionOptions& options) {
  auto seconds = durations.seconds;
  for (StepIndex step = 0; step < seconds.size(); ++step) {
    const auto limit = static_cast<float>(graph.options(step).timeout_s);
    if (limit > 0) seconds[step] = std::min(seconds[step], limit);
    if (is_done(options, step)) seconds[step] = 0;
  }
  return seconds;
}

Simulation simulation_of(const Workers& workers, const ExpectedDurations& durations, const PredictionOptions& options) {
  Simulation simulation;
  for (const auto& [id, shape] : workers) simulation.workers.push_back({id, shape});
  simulation.model = [&durations](StepIndex step, std::uint32_t) {
    return SimulatedAttempt{static_cast<double>(durations.seconds[step]), {}};
  };
  simulation.faults.message_delay_s = options.message_delay_s;
  simulation.faults.kill_grace_s = 0;  // what is told to end may take its time, but does not succeed in it
  return simulation;
}

}  // namespace

ExpectedDurations expect_durations(const Graph& graph, DurationModel learnt, std::span<const double> own_s) {
  ExpectedDurations expected;
  const auto steps = static_cast<StepIndex>(graph.step_count());
  expected.seconds.resize(steps);
  const bool knows_any = learnt.overall_mean_s() >= 0;
  for (StepIndex step = 0; step < steps; ++step) {
    double seconds = step < own_s.size() ? own_s[step] : -1;
    if (graph.step(step).cost >= 0) {
      seconds = static_cast<double>(graph.step(step).cost);
      ++expected.by_cost;
    } else {
      if (seconds < 0 && knows_any) seconds = learnt.mean_s(command_shape(graph.step(step).command));
      if (seconds >= 0) {
        ++expected.learnt;
      } else {
        seconds = expected.guess_s = knows_any ? learnt.overall_mean_s() : graph.expected_s(step);
        ++expected.guessed;
      }
    }
    expected.seconds[step] = static_cast<float>(seconds);
  }
  expected.model = std::move(learnt);
  return expected;
}

Prediction predict(const std::shared_ptr<const Graph>& graph, const Workers& workers,
                   const ExpectedDurations& durations, const PredictionOptions& options) {
  Prediction prediction;
  std::set<std::uint32_t> nodes;
  for (const auto& [id, shape] : workers) nodes.insert(shape.node);
  prediction.nodes = static_cast<std::uint32_t>(nodes.size());
  prediction.slots = count_slots(workers);
  prediction.bound = lower_bound(*graph, seconds_to_run(*graph, durations, options), workers);

  SchedulerOptions rules;
  rules.succeeded_before = options.succeeded_before;
  rules.durations_before = durations.model;
  rules.on_error = options.on_error;
  rules.retry_delay_s = options.retry_delay_s;
  rules.start_nothing_after = rules.end_running_at = options.end_running_at;
  Scheduler scheduler(graph, rules);
  SimulatedCluster cluster(graph, simulation_of(workers, durations, options));
  Meter meter(workers, prediction);
  run_loop(scheduler, cluster, {&meter});
  prediction.counts = scheduler.counts();
  prediction.is_cut_off = scheduler.stopped_for_time();
  return prediction;
}

}  // namespace gradus
