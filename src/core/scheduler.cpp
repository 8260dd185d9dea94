#include "gradus/scheduler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <unordered_map>

#include "core/ready_queues.h"
#include "core/slot_choice.h"
#include "core/slot_table.h"

namespace gradus {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

/// Our own bug: tell the step's story and stop; this check stays on in release.
[[noreturn]] void bug(const std::string& what) { throw std::logic_error("scheduler: " + what); }

}  // namespace

const char* word(StepState state) {
  switch (state) {
    case StepState::waiting: return "waiting";
    case StepState::ready: return "ready";
    case StepState::running: return "running";
    case StepState::succeeded: return "succeeded";
    case StepState::failed: return "failed";
    case StepState::skipped: return "skipped";
  }
  return "?";
}

struct Scheduler::Impl {
  struct Live {
    std::uint32_t attempt = 0;
    WorkerPlace worker = 0;
    std::vector<std::uint32_t> slots;
    double launched_at = 0;
    double expected_end = 0;
  };
  /// Places where a step's attempts failed, for choosing another; kept only for steps that failed.
  struct Tried {
    std::vector<std::uint32_t> nodes;
    std::vector<std::uint64_t> slots;
    std::uint32_t losses = 0;
  };

  std::shared_ptr<const Graph> graph;
  SchedulerOptions options;
  std::vector<StepState> states;         // by node: steps, then barriers
  std::vector<std::uint32_t> unmet;      // by node: prerequisites not settled yet
  std::vector<std::uint32_t> attempts;   // by step
  std::unordered_map<StepIndex, Tried> tried;
  std::unordered_map<StepIndex, Live> live;
  StepCounts counts;
  ReadyQueues ready;
  SlotTable slots;
  StepIndex kept_for = no_step;
  double kept_until = 0;  // when the kept slots are expected to be free together
  StopKind stop = StopKind::none;
  bool halted = false;  // on_error stop
  double finish_deadline = never;
  double observed_s = 0;  // sum and number of the durations of attempts that succeeded
  std::uint64_t observed = 0;

  Impl(std::shared_ptr<const Graph> the_graph, SchedulerOptions the_options);

  std::uint64_t& count(StepState state);
  void transition(StepIndex node, StepState to);
  void make_ready(StepIndex step);
  void prerequisite_met(StepIndex node, std::vector<StepIndex>& barriers_done);
  void settle(StepIndex step, StepState state, Decisions& out);
  void succeed_dependents(StepIndex node);
  void skip_dependents(StepIndex failed, Decisions& out);
  void note_ended_barrier(StepIndex barrier);

  void on(const WorkerJoined& fact, double now, Decisions& out);
  void on(const AttemptEnded& fact, double now, Decisions& out);
  void on(const WorkerLost& fact, double now, Decisions& out);
  void on(const StopRequested& fact, double now, Decisions& out);
  void lose_attempt(StepIndex step, Decisions& out);
  void fail_or_retry(StepIndex step, const Live& was, Decisions& out);
  void kill_all(bool at_once, Decisions& out) const;

  bool may_launch() const { return stop == StopKind::none && !halted; }
  double expected_s(StepIndex step) const;
  Avoid places_to_avoid(StepIndex step, const Demand& demand) const;
  bool worker_could_hold(const Demand& demand, const SlotTable::Worker& worker) const;

  void dispatch(double now, Decisions& out);
  bool launch_head(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_any_slot(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_some_worker(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_worker(std::size_t group, WorkerPlace worker, bool on_gpu_slots, double now, Decisions& out);
  void launch(std::size_t group, WorkerPlace worker, const std::vector<std::uint32_t>& chosen, double now,
              Decisions& out);
  bool may_fill_kept(StepIndex step, double now) const {
    return step == kept_for || now + expected_s(step) <= kept_until;
  }
  bool is_wanted_by_gpu_step(WorkerPlace worker) const;
  void keep_slots_for(StepIndex step, const Demand& demand, const Avoid& avoid, double now);
  void give_up_kept();

  std::string sanity_check() const;
};

Scheduler::Impl::Impl(std::shared_ptr<const Graph> the_graph, SchedulerOptions the_options)
    : graph(std::move(the_graph)), options(std::move(the_options)) {
  const auto nodes = static_cast<StepIndex>(graph->node_count());
  const auto steps = static_cast<StepIndex>(graph->step_count());
  states.assign(nodes, StepState::waiting);
  unmet.resize(nodes);
  attempts.assign(steps, 0);
  counts.waiting = steps;
  for (StepIndex node = 0; node < nodes; ++node) unmet[node] = static_cast<std::uint32_t>(graph->needs(node).size());
  const auto done = [this](StepIndex step) {
    return step < options.succeeded_before.size() && options.succeeded_before[step];
  };
  for (StepIndex step = 0; step < steps; ++step) {
    if (done(step)) transition(step, StepState::succeeded);
  }
  for (StepIndex node = 0; node < nodes; ++node) {
    const bool nothing_needed = graph->needs(node).empty();
    if (graph->is_barrier(node) ? nothing_needed : done(node)) {
      if (graph->is_barrier(node)) transition(node, StepState::succeeded);
      succeed_dependents(node);
    } else if (nothing_needed) {
      make_ready(node);
    }
  }
}

std::uint64_t& Scheduler::Impl::count(StepState state) {
  switch (state) {
    case StepState::waiting: return counts.waiting;
    case StepState::ready: return counts.ready;
    case StepState::running: return counts.running;
    case StepState::succeeded: return counts.succeeded;
    case StepState::failed: return counts.failed;
    case StepState::skipped: return counts.skipped;
  }
  bug("a state that does not exist");
}

/// Every change of a step's or barrier's state goes through here.
void Scheduler::Impl::transition(StepIndex node, StepState to) {
  const auto from = states[node];
  const bool legal = [&] {
    switch (to) {
      case StepState::waiting: return from == StepState::running;  // cancelled: left to --resume
      case StepState::ready: return from == StepState::waiting || from == StepState::running;
      case StepState::running: return from == StepState::ready;
      case StepState::succeeded: return from == StepState::running || from == StepState::waiting;
      case StepState::failed: return from == StepState::running;
      case StepState::skipped: return from == StepState::waiting;
    }
    return false;
  }();
  if (!legal) bug("step " + graph->name(node) + " cannot go from " + word(from) + " to " + word(to));
  states[node] = to;
  if (graph->is_barrier(node)) return;
  --count(from);
  ++count(to);
}

void Scheduler::Impl::make_ready(StepIndex step) {
  transition(step, StepState::ready);
  const auto demand = demand_of(*graph, step);
  ready.push(*graph, step, demand, places_to_avoid(step, demand));
}

void Scheduler::Impl::prerequisite_met(StepIndex node, std::vector<StepIndex>& barriers_done) {
  if (unmet[node] == 0) bug("a prerequisite of " + std::to_string(node) + " was met twice");
  if (--unmet[node] > 0 || states[node] != StepState::waiting) return;
  if (!graph->is_barrier(node)) return make_ready(node);
  transition(node, StepState::succeeded);
  barriers_done.push_back(node);
}

void Scheduler::Impl::succeed_dependents(StepIndex node) {
  std::vector<StepIndex> done{node};
  while (!done.empty()) {
    const auto next = done.back();
    done.pop_back();
    for (const auto dependent : graph->dependents(next)) prerequisite_met(dependent, done);
  }
}

/// A failed or skipped prerequisite: an `ended` barrier counts it as met, everything else is skipped.
void Scheduler::Impl::skip_dependents(StepIndex failed, Decisions& out) {
  std::vector<StepIndex> gone{failed};
  while (!gone.empty()) {
    const auto next = gone.back();
    gone.pop_back();
    for (const auto dependent : graph->dependents(next)) {
      if (graph->is_barrier(dependent) && graph->barrier_kind(dependent) == BarrierKind::ended) {
        if (unmet[dependent] == 0) bug("an ended barrier was met twice");
        if (--unmet[dependent] == 0) {
          transition(dependent, StepState::succeeded);
          succeed_dependents(dependent);
        }
      } else if (states[dependent] == StepState::waiting) {
        transition(dependent, StepState::skipped);
        if (!graph->is_barrier(dependent)) out.settled.push_back({dependent, StepState::skipped, failed});
        gone.push_back(dependent);
      }
    }
  }
}

void Scheduler::Impl::settle(StepIndex step, StepState state, Decisions& out) {
  transition(step, state);
  out.settled.push_back({step, state, no_step});
  tried.erase(step);
  if (state == StepState::succeeded) return succeed_dependents(step);
  if (options.on_error == OnError::stop) halted = true;
  skip_dependents(step, out);
}

// ---- facts ----------------------------------------------------------------------------------

void Scheduler::Impl::on(const WorkerJoined& fact, double now, Decisions& out) {
  if (slots.find(fact.worker)) return;
  slots.join(fact);
  ready.unblock();
  if (!fact.more_follow) dispatch(now, out);
}

void Scheduler::Impl::on(const AttemptEnded& fact, double now, Decisions& out) {
  const auto it = live.find(fact.step);
  // Late, doubled or invented messages change nothing.
  if (it == live.end() || it->second.attempt != fact.attempt) return;
  if (slots.worker(it->second.worker).id != fact.worker) return;
  const Live was = std::move(it->second);
  live.erase(it);
  slots.release(was.worker, was.slots);
  ready.slot_freed(was.worker);
  const auto& outcome = fact.result.outcome;
  if (outcome.succeeded()) {
    observed_s += std::max(0.0, now - was.launched_at);
    ++observed;
    settle(fact.step, StepState::succeeded, out);
  } else if (outcome.is_steps_own_failure()) {
    fail_or_retry(fact.step, was, out);
  } else if (stop != StopKind::none || halted) {
    transition(fact.step, StepState::waiting);
  } else {
    // Ended by its worker for a reason of the worker's own (it is leaving): as if it had been lost.
    lose_attempt(fact.step, out);
  }
  dispatch(now, out);
}

void Scheduler::Impl::fail_or_retry(StepIndex step, const Live& was, Decisions& out) {
  auto& places = tried[step];
  const auto failures = attempts[step] - places.losses;
  if (failures > graph->options(step).retries) return settle(step, StepState::failed, out);
  places.nodes.push_back(slots.worker(was.worker).shape.node);
  places.slots.push_back(std::uint64_t{was.worker} << 32 | was.slots.front());
  std::sort(places.nodes.begin(), places.nodes.end());
  std::sort(places.slots.begin(), places.slots.end());
  make_ready(step);
}

void Scheduler::Impl::lose_attempt(StepIndex step, Decisions& out) {
  if (++tried[step].losses >= options.crash_limit) return settle(step, StepState::failed, out);
  make_ready(step);
}

void Scheduler::Impl::on(const WorkerLost& fact, double now, Decisions& out) {
  const auto place = slots.find(fact.worker);
  if (!place) return;
  std::vector<StepIndex> gone;
  for (const auto& [step, attempt] : live) {
    if (attempt.worker == *place) gone.push_back(step);
  }
  std::sort(gone.begin(), gone.end());  // a hash map's order must not decide anything
  slots.lose(*place);
  give_up_kept();
  for (const auto step : gone) {
    out.lost.push_back({step, live[step].attempt, fact.worker});
    live.erase(step);
    lose_attempt(step, out);
  }
  // Where a retry may go can have been on that worker only.
  for (const auto step : ready.take_avoiding()) {
    const auto demand = demand_of(*graph, step);
    ready.push(*graph, step, demand, places_to_avoid(step, demand));
  }
  ready.unblock();
  dispatch(now, out);
}

void Scheduler::Impl::on(const StopRequested& fact, double now, Decisions& out) {
  if (fact.kind <= stop) return;
  stop = fact.kind;
  give_up_kept();
  finish_deadline = stop == StopKind::finish ? now + options.grace_s : never;
  if (stop >= StopKind::cancel) kill_all(stop == StopKind::kill, out);
}

void Scheduler::Impl::kill_all(bool at_once, Decisions& out) const {
  const auto first = out.kills.size();
  for (const auto& [step, attempt] : live) {
    out.kills.push_back({step, attempt.attempt, slots.worker(attempt.worker).id, at_once});
  }
  std::sort(out.kills.begin() + static_cast<std::ptrdiff_t>(first), out.kills.end(),
            [](const KillAttempt& a, const KillAttempt& b) { return a.step < b.step; });
}

// ---- where a step goes ----------------------------------------------------------------------

/// Its cost; else the mean of what was observed; else the graph's guess.
double Scheduler::Impl::expected_s(StepIndex step) const {
  if (graph->step(step).cost < 0 && observed > 0) return observed_s / static_cast<double>(observed);
  return graph->expected_s(step);
}

bool Scheduler::Impl::worker_could_hold(const Demand& demand, const SlotTable::Worker& worker) const {
  std::vector<std::uint32_t> all(worker.shape.slots.size());
  for (std::uint32_t slot = 0; slot < all.size(); ++slot) all[slot] = slot;
  return worker.alive && choose_slots(demand, worker.shape.slots, all).has_value();
}

/// Another node than all tried where there is one, else another slot, else another slot than the last.
Avoid Scheduler::Impl::places_to_avoid(StepIndex step, const Demand& demand) const {
  const auto it = tried.find(step);
  if (it == tried.end() || it->second.nodes.empty()) return {};
  const auto& places = it->second;
  for (const auto& worker : slots.workers()) {
    const bool is_tried = std::binary_search(places.nodes.begin(), places.nodes.end(), worker.shape.node);
    if (!is_tried && worker_could_hold(demand, worker)) return {places.nodes, {}};
  }
  if (!demand.is_any_slot()) return {};
  for (WorkerPlace place = 0; place < slots.workers().size(); ++place) {
    const auto& worker = slots.worker(place);
    for (std::uint32_t slot = 0; worker.alive && slot < worker.shape.slots.size(); ++slot) {
      const auto number = std::uint64_t{place} << 32 | slot;
      if (demand.wants_gpu && slots.kind(place, slot) == SlotTable::Kind::cpu) continue;
      if (!std::binary_search(places.slots.begin(), places.slots.end(), number)) return {{}, places.slots};
    }
  }
  return {};
}

/// Launches whatever can be launched now. Free slots only get fewer meanwhile, so a group that could not
/// be served is not asked again, except CPU-only ones: GPU slots come free for them when no GPU step is left.
void Scheduler::Impl::dispatch(double now, Decisions& out) {
  if (!may_launch()) return;
  bool an_earlier_one_waits = false;
  for (std::vector<bool> refused(ready.group_count(), false);;) {
    const auto order = ready.by_head();
    const auto next = std::find_if(order.begin(), order.end(), [&](std::size_t group) { return !refused[group]; });
    if (next == order.end()) break;
    const auto& group = ready.group(*next);
    const auto head = group.entries.top().step;
    if (launch_head(*next, false, now, out)) continue;
    refused[*next] = true;
    const bool several = !group.demand.is_any_slot();
    if (several && !an_earlier_one_waits && kept_for != head) {
      keep_slots_for(head, group.demand, group.avoid, now);
    }
    // A retry that waits for another node keeps nothing from the ones behind it.
    if (group.avoid.empty() && (several || group.demand.wants_gpu)) an_earlier_one_waits = true;
  }
  for (const auto group : ready.by_head()) {
    if (ready.group(group).demand.wants_gpu) continue;
    while (!ready.group(group).entries.empty() && launch_head(group, true, now, out)) {
    }
  }
}

bool Scheduler::Impl::launch_head(std::size_t group, bool on_gpu_slots, double now, Decisions& out) {
  return ready.group(group).demand.is_any_slot() ? launch_on_any_slot(group, on_gpu_slots, now, out)
                                                 : launch_on_some_worker(group, on_gpu_slots, now, out);
}

bool Scheduler::Impl::launch_on_any_slot(std::size_t number, bool on_gpu_slots, double now, Decisions& out) {
  const auto& group = ready.group(number);
  const bool wants_gpu = group.demand.wants_gpu;
  const auto fits = [&](WorkerPlace worker, std::uint32_t slot) {
    const auto& avoid = group.avoid;
    if (std::binary_search(avoid.nodes.begin(), avoid.nodes.end(), slots.worker(worker).shape.node)) return false;
    if (std::binary_search(avoid.slots.begin(), avoid.slots.end(), std::uint64_t{worker} << 32 | slot)) return false;
    return wants_gpu || !on_gpu_slots || !is_wanted_by_gpu_step(worker);
  };
  const auto kind = wants_gpu || on_gpu_slots ? SlotTable::Kind::gpu : SlotTable::Kind::cpu;
  for (const auto& [slot, worker] : slots.free(kind)) {
    if (!fits(worker, slot)) continue;
    launch(number, worker, {slot}, now, out);
    return true;
  }
  if (kept_for == no_step || !may_fill_kept(group.entries.top().step, now)) return false;
  for (const auto slot : slots.kept_slots()) {
    const auto worker = slots.keeper();
    if (slots.occupant(worker, slot) != no_step || slots.kind(worker, slot) != kind || !fits(worker, slot)) continue;
    launch(number, worker, {slot}, now, out);
    return true;
  }
  return false;
}

/// Several slots of one worker. A search over all workers that finds nothing need not be repeated until a
/// slot came free, and then only there.
bool Scheduler::Impl::launch_on_some_worker(std::size_t number, bool on_gpu_slots, double now, Decisions& out) {
  auto& group = ready.group(number);
  const auto workers = static_cast<std::uint32_t>(slots.workers().size());
  if (group.entries.top().step == kept_for && launch_on_worker(number, slots.keeper(), on_gpu_slots, now, out)) {
    return true;
  }
  if (group.blocked && !on_gpu_slots) {
    while (!group.changed.empty()) {
      const auto worker = group.changed.back();
      if (launch_on_worker(number, worker, on_gpu_slots, now, out)) return true;
      group.changed.pop_back();
    }
    return false;
  }
  for (std::uint32_t k = 0; k < workers; ++k) {
    const auto worker = (group.cursor + k) % workers;
    if (!launch_on_worker(number, worker, on_gpu_slots, now, out)) continue;
    ready.group(number).cursor = (worker + 1) % workers;
    return true;
  }
  // CPU-only steps are asked a second time with the GPU slots; only the wider answer may be remembered.
  if (group.demand.wants_gpu) {
    group.blocked = true;
    group.changed.clear();
  }
  return false;
}

bool Scheduler::Impl::launch_on_worker(std::size_t number, WorkerPlace place, bool on_gpu_slots, double now,
                                       Decisions& out) {
  const auto& group = ready.group(number);
  const auto& worker = slots.worker(place);
  if (!worker.alive || worker.free_slots == 0) return false;
  const auto& nodes = group.avoid.nodes;
  if (std::binary_search(nodes.begin(), nodes.end(), worker.shape.node)) return false;
  const auto step = group.entries.top().step;
  const bool with_kept = kept_for != no_step && slots.keeper() == place && may_fill_kept(step, now);
  auto candidates = slots.free_of(place, with_kept);
  if (!group.demand.wants_gpu && (!on_gpu_slots || is_wanted_by_gpu_step(place))) {
    std::erase_if(candidates, [&](std::uint32_t slot) { return slots.kind(place, slot) == SlotTable::Kind::gpu; });
  }
  const auto chosen = choose_slots(group.demand, worker.shape.slots, candidates);
  if (!chosen) return false;
  launch(number, place, *chosen, now, out);
  return true;
}

void Scheduler::Impl::launch(std::size_t number, WorkerPlace worker, const std::vector<std::uint32_t>& chosen,
                             double now, Decisions& out) {
  const auto& group = ready.group(number);
  const auto step = group.entries.top().step;
  if (step == kept_for) give_up_kept();
  transition(step, StepState::running);
  slots.occupy(worker, chosen, step);
  const auto& shape = slots.worker(worker).shape;
  out.launches.push_back(
      {step, ++attempts[step], slots.worker(worker).id, chosen, gpus_taken(group.demand, shape.slots, chosen)});
  live[step] = {attempts[step], worker, chosen, now, now + expected_s(step)};
  ready.pop(number);
}

/// A GPU slot of this worker is wanted as long as a ready GPU step could use it.
bool Scheduler::Impl::is_wanted_by_gpu_step(WorkerPlace place) const {
  if (ready.gpu_steps() == 0) return false;
  const auto& worker = slots.worker(place);
  for (const auto number : ready.by_head()) {
    const auto& group = ready.group(number);
    const auto& nodes = group.avoid.nodes;
    if (!group.demand.wants_gpu) continue;
    if (std::binary_search(nodes.begin(), nodes.end(), worker.shape.node)) continue;
    if (worker_could_hold(group.demand, worker)) return true;
  }
  return false;
}

/// The head needs several slots at once and no worker has them: the worker that is expected to have
/// them first keeps them, so that small steps cannot starve it.
void Scheduler::Impl::keep_slots_for(StepIndex step, const Demand& demand, const Avoid& avoid, double now) {
  give_up_kept();
  double best_at = never;
  WorkerPlace best_worker = 0;
  std::vector<std::uint32_t> best_slots;
  for (WorkerPlace place = 0; place < slots.workers().size(); ++place) {
    const auto& worker = slots.worker(place);
    if (!worker.alive || std::binary_search(avoid.nodes.begin(), avoid.nodes.end(), worker.shape.node)) continue;
    std::vector<std::pair<double, std::uint32_t>> free_at;
    for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
      const auto occupant = slots.occupant(place, slot);
      free_at.emplace_back(occupant == no_step ? now : std::max(now, live.at(occupant).expected_end), slot);
    }
    std::stable_sort(free_at.begin(), free_at.end());
    std::vector<std::uint32_t> candidates;
    for (const auto& [at, slot] : free_at) {
      if (at >= best_at) break;
      candidates.insert(std::upper_bound(candidates.begin(), candidates.end(), slot), slot);
      if (auto chosen = choose_slots(demand, worker.shape.slots, candidates)) {
        best_at = at;
        best_worker = place;
        best_slots = std::move(*chosen);
        break;
      }
    }
  }
  if (best_slots.empty()) return;
  kept_for = step;
  kept_until = best_at;
  slots.keep(best_worker, best_slots);
}

void Scheduler::Impl::give_up_kept() {
  if (kept_for == no_step) return;
  kept_for = no_step;
  slots.unkeep();
  ready.unblock();
}

// ---- checks ---------------------------------------------------------------------------------

std::string Scheduler::Impl::sanity_check() const {
  StepCounts recounted;
  for (StepIndex step = 0; step < graph->step_count(); ++step) {
    switch (states[step]) {
      case StepState::waiting: ++recounted.waiting; break;
      case StepState::ready: ++recounted.ready; break;
      case StepState::running: ++recounted.running; break;
      case StepState::succeeded: ++recounted.succeeded; break;
      case StepState::failed: ++recounted.failed; break;
      case StepState::skipped: ++recounted.skipped; break;
    }
    if ((states[step] == StepState::running) != live.contains(step)) {
      return "step " + graph->name(step) + " is " + word(states[step]) + " but has " +
             (live.contains(step) ? "a" : "no") + " live attempt";
    }
  }
  if (recounted.ready != ready.size()) return "the ready queues do not hold the ready steps";
  if (recounted.waiting != counts.waiting || recounted.ready != counts.ready ||
      recounted.running != counts.running || recounted.succeeded != counts.succeeded ||
      recounted.failed != counts.failed || recounted.skipped != counts.skipped) {
    return "the counts by state are wrong";
  }
  for (const auto& [step, attempt] : live) {
    for (const auto slot : attempt.slots) {
      if (slots.occupant(attempt.worker, slot) != step) return "a slot is not occupied by the attempt that has it";
    }
  }
  return slots.sanity_check();
}

// ---- the public face ------------------------------------------------------------------------

Scheduler::Scheduler(std::shared_ptr<const Graph> graph, SchedulerOptions options)
    : impl_(std::make_unique<Impl>(std::move(graph), std::move(options))) {}
Scheduler::~Scheduler() = default;
Scheduler::Scheduler(Scheduler&&) noexcept = default;

void Scheduler::apply(const Fact& fact, double now, Decisions& decisions) {
  std::visit([&](const auto& one) { impl_->on(one, now, decisions); }, fact);
}

void Scheduler::advance(double now, Decisions& decisions) {
  if (impl_->stop != StopKind::finish || now < impl_->finish_deadline) return;
  impl_->stop = StopKind::cancel;
  impl_->finish_deadline = never;
  impl_->kill_all(false, decisions);
}

double Scheduler::next_deadline() const { return impl_->live.empty() ? never : impl_->finish_deadline; }

bool Scheduler::finished() const {
  if (!impl_->live.empty()) return false;
  if (impl_->counts.waiting + impl_->counts.ready == 0 || !impl_->may_launch()) return true;
  // Steps are left, nothing runs, nothing was launched at the last fact: no worker can take them.
  return !impl_->slots.workers().empty();
}

const StepCounts& Scheduler::counts() const { return impl_->counts; }
StepState Scheduler::state(StepIndex step) const { return impl_->states[step]; }
std::uint32_t Scheduler::attempts(StepIndex step) const { return impl_->attempts[step]; }
StopKind Scheduler::stop_kind() const { return impl_->stop; }
bool Scheduler::stopped_on_error() const { return impl_->halted; }

std::uint32_t Scheduler::held_slots() const {
  std::uint32_t held = 0;
  for (const auto& [step, attempt] : impl_->live) held += static_cast<std::uint32_t>(attempt.slots.size()) - 1;
  for (const auto slot : impl_->slots.kept_slots()) {
    if (impl_->slots.occupant(impl_->slots.keeper(), slot) == no_step) ++held;
  }
  return held;
}

std::string Scheduler::sanity_check() const { return impl_->sanity_check(); }

}  // namespace gradus
