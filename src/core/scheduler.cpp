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

std::uint64_t slot_number(WorkerPlace worker, std::uint32_t slot) { return std::uint64_t{worker} << 32 | slot; }

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
  /// Places where a step's attempts failed, for choosing another; kept only for
  /// steps that failed.
  struct Tried {
    std::vector<std::uint32_t> nodes;  // ascending
    std::vector<std::uint64_t> slots;  // ascending
    std::uint32_t last_node = 0;
    std::vector<std::uint64_t> last_slots;  // ascending
    std::uint32_t losses = 0;
  };

  std::shared_ptr<const Graph> graph;
  SchedulerOptions options;
  std::vector<StepState> states;        // by node: steps, then barriers
  std::vector<std::uint32_t> unmet;     // by node: prerequisites not settled yet
  std::vector<std::uint32_t> attempts;  // by step
  std::unordered_map<StepIndex, Tried> tried;
  std::unordered_map<StepIndex, Live> live;
  StepCounts counts;
  ReadyQueues ready;
  SlotTable slots;
  StepIndex kept_for = no_step;
  bool kept_came_free = false;  // a launch gave up what was kept
  double kept_until = 0;        // when the kept slots are expected to be free together
  StopKind stop = StopKind::none;
  bool halted = false;               // on_error stop
  bool more_workers_follow = false;  // nothing is launched before the last of those announced is there
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
  bool could_go(const Demand& demand, const Avoid& avoid) const;
  Avoid places_to_avoid(StepIndex step, const Demand& demand) const;
  void ask_retries_again();
  bool worker_could_hold(const Demand& demand, const SlotTable::Worker& worker) const;

  void dispatch(double now, Decisions& out);
  void launch_in_order(bool on_gpu_slots, double now, Decisions& out);
  bool launch_head(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_any_slot(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_some_worker(std::size_t group, bool on_gpu_slots, double now, Decisions& out);
  bool launch_on_worker(std::size_t group, WorkerPlace worker, bool on_gpu_slots, double now, Decisions& out);
  void launch(std::size_t group, WorkerPlace worker, const std::vector<std::uint32_t>& chosen, double now,
              Decisions& out);
  bool ends_before_kept_are_needed(StepIndex step, double now) const { return now + expected_s(step) <= kept_until; }
  /// Those that come before it in order too: slots are never kept from a step
  /// for one of lower order.
  bool may_fill_kept(StepIndex step, double now) const {
    return step == kept_for || ReadyQueues::entry(*graph, kept_for) < ReadyQueues::entry(*graph, step) ||
           ends_before_kept_are_needed(step, now);
  }
  bool is_wanted_by_gpu_step(WorkerPlace worker) const;
  void keep_slots_for(std::size_t group, double now);
  bool keeps_gpu_slots_in_vain() const;
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

/// A failed or skipped prerequisite: an `ended` barrier counts it as met,
/// everything else is skipped.
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

// ---- facts
// ----------------------------------------------------------------------------------

void Scheduler::Impl::on(const WorkerJoined& fact, double now, Decisions& out) {
  if (slots.find(fact.worker)) return;
  slots.join(fact);
  ask_retries_again();
  ready.hope_again();
  ready.unblock();
  more_workers_follow = fact.more_follow;
  dispatch(now, out);
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
    // Ended by its worker for a reason of the worker's own (it is leaving): as
    // if it had been lost.
    lose_attempt(fact.step, out);
  }
  dispatch(now, out);
}

void Scheduler::Impl::fail_or_retry(StepIndex step, const Live& was, Decisions& out) {
  auto& places = tried[step];
  const auto failures = attempts[step] - places.losses;
  if (failures > graph->options(step).retries) return settle(step, StepState::failed, out);
  places.last_node = slots.worker(was.worker).shape.node;
  places.last_slots.clear();
  for (const auto slot : was.slots) places.last_slots.push_back(slot_number(was.worker, slot));
  places.nodes.push_back(places.last_node);
  places.slots.insert(places.slots.end(), places.last_slots.begin(), places.last_slots.end());
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
  std::sort(gone.begin(),
            gone.end());  // a hash map's order must not decide anything
  slots.lose(*place);
  give_up_kept();
  for (const auto step : gone) {
    out.lost.push_back({step, live[step].attempt, fact.worker});
    live.erase(step);
    lose_attempt(step, out);
  }
  ask_retries_again();  // where one may go can have been on that worker only
  ready.unblock();
  dispatch(now, out);
}

/// Where a retry may go depends on the workers that are there.
void Scheduler::Impl::ask_retries_again() {
  for (const auto step : ready.take_retries()) {
    const auto demand = demand_of(*graph, step);
    ready.push(*graph, step, demand, places_to_avoid(step, demand));
  }
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

// ---- where a step goes
// ----------------------------------------------------------------------

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

/// True when some worker that is there could hold the demand without the places
/// to avoid.
bool Scheduler::Impl::could_go(const Demand& demand, const Avoid& avoid) const {
  for (WorkerPlace place = 0; place < slots.workers().size(); ++place) {
    const auto& worker = slots.worker(place);
    if (!worker.alive || avoid.has_node(worker.shape.node)) continue;
    std::vector<std::uint32_t> others;
    for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
      if (!avoid.has_slot(slot_number(place, slot))) others.push_back(slot);
    }
    if (choose_slots(demand, worker.shape.slots, others)) return true;
  }
  return false;
}

/// A node that was not tried yet where there is one, else another node than the
/// last, else a slot that was not tried yet, else another slot than the last,
/// else anywhere.
Avoid Scheduler::Impl::places_to_avoid(StepIndex step, const Demand& demand) const {
  const auto it = tried.find(step);
  if (it == tried.end() || it->second.nodes.empty()) return {};
  const auto& places = it->second;
  for (const auto& avoid :
       {Avoid{true, places.nodes, {}}, Avoid{true, {places.last_node}, places.slots},
        Avoid{true, {places.last_node}, {}}, Avoid{true, {}, places.slots}, Avoid{true, {}, places.last_slots}}) {
    if (could_go(demand, avoid)) return avoid;
  }
  return {true, {}, {}};
}

/// Launches whatever can be launched now: first everything on slots of its own
/// kind, then CPU-only steps on GPU slots that no GPU step wants. What a launch
/// gives up of the kept slots may serve those refused before.
void Scheduler::Impl::dispatch(double now, Decisions& out) {
  if (!may_launch() || more_workers_follow) return;
  if (keeps_gpu_slots_in_vain()) give_up_kept();
  do {
    kept_came_free = false;
    launch_in_order(false, now, out);
    if (!kept_came_free) launch_in_order(true, now, out);
  } while (kept_came_free);
}

/// Free slots only get fewer meanwhile, so a group that could not be served is
/// not asked again.
void Scheduler::Impl::launch_in_order(bool on_gpu_slots, double now, Decisions& out) {
  bool an_earlier_one_waits = false;
  for (std::vector<bool> refused(ready.group_count(), false); !kept_came_free;) {
    const auto order = ready.by_head();
    const auto next = std::find_if(order.begin(), order.end(), [&](std::size_t number) {
      return !refused[number] && !(on_gpu_slots && ready.group(number).demand.wants_gpu);
    });
    if (next == order.end()) return;
    if (launch_head(*next, on_gpu_slots, now, out)) continue;
    refused[*next] = true;
    if (on_gpu_slots) continue;
    const auto& group = ready.group(*next);
    const auto head = group.entries.top().step;
    if (!group.demand.is_any_slot()) {
      if (!an_earlier_one_waits && kept_for != head) keep_slots_for(*next, now);
      // One that no worker can hold any more must not keep those behind it from
      // having slots kept.
      an_earlier_one_waits = an_earlier_one_waits || kept_for == head;
    } else if (group.demand.wants_gpu && !group.avoid.is_anything()) {
      // A retry that waits for another place keeps nothing from those behind
      // it.
      an_earlier_one_waits = true;
    }
  }
}

bool Scheduler::Impl::launch_head(std::size_t group, bool on_gpu_slots, double now, Decisions& out) {
  if (ready.group(group).hopeless) return false;
  return ready.group(group).demand.is_any_slot() ? launch_on_any_slot(group, on_gpu_slots, now, out)
                                                 : launch_on_some_worker(group, on_gpu_slots, now, out);
}

bool Scheduler::Impl::launch_on_any_slot(std::size_t number, bool on_gpu_slots, double now, Decisions& out) {
  const auto& group = ready.group(number);
  const bool wants_gpu = group.demand.wants_gpu;
  const auto fits = [&](WorkerPlace worker, std::uint32_t slot) {
    if (group.avoid.has_node(slots.worker(worker).shape.node)) return false;
    if (group.avoid.has_slot(slot_number(worker, slot))) return false;
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

/// Several slots of one worker. A search over all workers that finds nothing
/// need not be repeated until a slot came free, and then only there.
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
  // CPU-only steps are asked a second time with the GPU slots; only the wider
  // answer may be remembered.
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
  if (group.avoid.has_node(worker.shape.node)) return false;
  const auto step = group.entries.top().step;
  const bool with_kept = kept_for != no_step && slots.keeper() == place && may_fill_kept(step, now);
  auto candidates = slots.free_of(place, with_kept);
  std::erase_if(candidates, [&](std::uint32_t slot) { return group.avoid.has_slot(slot_number(place, slot)); });
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
  const auto takes_kept = [&](std::uint32_t slot) { return kept_for != no_step && slots.is_kept(worker, slot); };
  const bool upsets_kept =
      std::any_of(chosen.begin(), chosen.end(), takes_kept) && !ends_before_kept_are_needed(step, now);
  if (step == kept_for || upsets_kept) {
    give_up_kept();
    kept_came_free = true;
  }
  transition(step, StepState::running);
  slots.occupy(worker, chosen, step);
  const auto& shape = slots.worker(worker).shape;
  out.launches.push_back(
      {step, ++attempts[step], slots.worker(worker).id, chosen, gpus_taken(group.demand, shape.slots, chosen)});
  live[step] = {attempts[step], worker, chosen, now, now + expected_s(step)};
  ready.pop(number);
}

/// A GPU slot of this worker is wanted as long as a ready GPU step could use
/// it.
bool Scheduler::Impl::is_wanted_by_gpu_step(WorkerPlace place) const {
  if (ready.gpu_steps() == 0) return false;
  const auto& worker = slots.worker(place);
  for (const auto number : ready.by_head()) {
    const auto& group = ready.group(number);
    if (!group.demand.wants_gpu || group.avoid.has_node(worker.shape.node)) continue;
    if (worker_could_hold(group.demand, worker)) return true;
  }
  return false;
}

/// The head needs several slots at once and no worker has them: the worker that
/// is expected to have them first keeps them, so that small steps cannot starve
/// it.
void Scheduler::Impl::keep_slots_for(std::size_t number, double now) {
  auto& group = ready.group(number);
  const auto& demand = group.demand;
  const auto& avoid = group.avoid;
  double best_at = never;
  WorkerPlace best_worker = 0;
  std::vector<std::uint32_t> best_slots;
  for (WorkerPlace place = 0; place < slots.workers().size(); ++place) {
    const auto& worker = slots.worker(place);
    if (!worker.alive || avoid.has_node(worker.shape.node)) continue;
    // A CPU-only step may not have GPU slots that a GPU step waits for, so it
    // must not keep them from it.
    const bool no_gpu_slots = !demand.wants_gpu && is_wanted_by_gpu_step(place);
    std::vector<std::pair<double, std::uint32_t>> free_at;
    for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
      if (avoid.has_slot(slot_number(place, slot))) continue;
      if (no_gpu_slots && slots.kind(place, slot) == SlotTable::Kind::gpu) continue;
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
  if (best_slots.empty()) {
    group.hopeless = !could_go(demand, avoid);
    return;
  }
  kept_came_free = kept_for != no_step;
  give_up_kept();
  kept_for = group.entries.top().step;
  kept_until = best_at;
  slots.keep(best_worker, best_slots);
}

/// True when a CPU-only step has GPU slots kept that a GPU step has come to
/// wait for.
bool Scheduler::Impl::keeps_gpu_slots_in_vain() const {
  if (kept_for == no_step || demand_of(*graph, kept_for).wants_gpu) return false;
  const auto& kept = slots.kept_slots();
  const auto is_gpu_slot = [&](std::uint32_t slot) { return slots.kind(slots.keeper(), slot) == SlotTable::Kind::gpu; };
  return std::any_of(kept.begin(), kept.end(), is_gpu_slot) && is_wanted_by_gpu_step(slots.keeper());
}

void Scheduler::Impl::give_up_kept() {
  if (kept_for == no_step) return;
  kept_for = no_step;
  slots.unkeep();
  ready.unblock();
}

// ---- checks
// ---------------------------------------------------------------------------------

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
  if (recounted.waiting != counts.waiting || recounted.ready != counts.ready || recounted.running != counts.running ||
      recounted.succeeded != counts.succeeded || recounted.failed != counts.failed ||
      recounted.skipped != counts.skipped) {
    return "the counts by state are wrong";
  }
  for (const auto& [step, attempt] : live) {
    for (const auto slot : attempt.slots) {
      if (slots.occupant(attempt.worker, slot) != step) return "a slot is not occupied by the attempt that has it";
    }
  }
  return slots.sanity_check();
}

// ---- the public face
// ------------------------------------------------------------------------

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
  if (impl_->more_workers_follow) return false;
  // Steps are left, nothing runs, nothing was launched at the last fact: no
  // worker can take them.
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
