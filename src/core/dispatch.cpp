// Where a ready step goes: order, places to avoid, several slots at once, slots kept for one step.
#include <algorithm>
#include <cmath>

#include "core/scheduler_state.h"

namespace gradus {

/// Its cost; else the mean of its shape; else of all that were observed; else the graph's guess.
double Scheduler::Impl::expected_s(StepIndex step) const {
  if (graph->step(step).cost >= 0) return graph->expected_s(step);
  const double of_shape = step < shapes.size() ? durations.mean_s(shapes[step]) : -1;
  if (of_shape >= 0) return of_shape;
  const double of_all = durations.overall_mean_s();
  return of_all >= 0 ? of_all : graph->expected_s(step);
}

bool Scheduler::Impl::fits_before_limit(StepIndex step, double now) const {
  const double cost = graph->step(step).cost;
  const double needed = step < shapes.size() ? durations.needed_s(shapes[step], cost) : std::max(0.0, cost);
  return now + needed <= options.start_nothing_after;
}

/// A step that does not fit now will not fit later in this life: it is taken out, so that shorter ones
/// behind it get their turn.
void Scheduler::Impl::put_aside_what_does_not_fit(double now) {
  if (options.start_nothing_after == never) return;
  for (const auto number : ready.by_head()) {
    auto& group = ready.group(number);
    while (!group.entries.empty() && !fits_before_limit(group.entries.top().step, now)) {
      const auto step = group.entries.top().step;
      if (step == kept_for) give_up_kept();
      out_of_time.push_back(step);
      ready.pop(number);
    }
  }
}

bool Scheduler::Impl::worker_could_hold(const Demand& demand, WorkerPlace place) const {
  const auto& worker = slots.worker(place);
  if (demand.nodes > 0) return worker.alive && node_suits(demand, slots.nodes().at(worker.shape.node));
  std::vector<std::uint32_t> all;
  for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
    if (slots.is_usable(place, slot)) all.push_back(slot);
  }
  return worker.alive && choose_slots(demand, worker.shape.slots, all).has_value();
}

/// True when some worker that is there could hold the demand without the places
/// to avoid.
bool Scheduler::Impl::could_go(const Demand& demand, const Avoid& avoid) const {
  if (demand.nodes > 0) {
    std::uint32_t suitable = 0;
    for (const auto& [number, node] : slots.nodes()) {
      if (!avoid.has_node(number) && node_suits(demand, node)) ++suitable;
    }
    return suitable >= demand.nodes;
  }
  for (WorkerPlace place = 0; place < slots.workers().size(); ++place) {
    const auto& worker = slots.worker(place);
    if (!worker.alive || avoid.has_node(worker.shape.node)) continue;
    std::vector<std::uint32_t> others;
    for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
      if (slots.is_usable(place, slot) && !avoid.has_slot(slot_number(place, slot))) others.push_back(slot);
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
  if (!may_launch() || more_workers_follow || is_held(now)) return;
  review_pauses();
  if (keeps_gpu_slots_in_vain()) give_up_kept();
  do {
    kept_came_free = false;
    launch_in_order(false, now, out);
    if (!kept_came_free) launch_in_order(true, now, out);
  } while (kept_came_free);
  prefetch(now, out);
  if (look_for_late_at == never && queues.size() > 0) look_for_late_at = now + options.prefetch_s;
}

/// Free slots only get fewer meanwhile, so a group that could not be served is
/// not asked again.
void Scheduler::Impl::launch_in_order(bool on_gpu_slots, double now, Decisions& out) {
  bool an_earlier_one_waits = false;
  for (std::vector<bool> refused(ready.group_count(), false); !kept_came_free;) {
    put_aside_what_does_not_fit(now);
    const auto& order = ready.in_order();
    const auto found = std::find_if(order.begin(), order.end(), [&](std::size_t number) {
      return !refused[number] && !(on_gpu_slots && ready.group(number).demand.wants_gpu);
    });
    if (found == order.end()) return;
    const auto next = *found;
    if (launch_head(next, on_gpu_slots, now, out)) continue;
    refused[next] = true;
    if (on_gpu_slots) continue;
    const auto& group = ready.group(next);
    const auto head = group.entries.top().step;
    if (!group.demand.is_any_slot()) {
      if (!an_earlier_one_waits && kept_for != head) keep_slots_for(next, now);
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
  if (ready.group(group).demand.nodes > 0) return launch_on_nodes(group, now, out);
  return ready.group(group).demand.is_any_slot() ? launch_on_any_slot(group, on_gpu_slots, now, out)
                                                 : launch_on_some_worker(group, on_gpu_slots, now, out);
}

bool Scheduler::Impl::launch_on_any_slot(std::size_t number, bool on_gpu_slots, double now, Decisions& out) {
  const auto& group = ready.group(number);
  const bool wants_gpu = group.demand.wants_gpu;
  const auto fits = [&](WorkerPlace worker, std::uint32_t slot) {
    if (group.avoid.has_node(slots.worker(worker).shape.node)) return false;
    if (group.avoid.has_slot(slot_number(worker, slot)) || is_paused(worker, slot)) return false;
    return wants_gpu || !on_gpu_slots || !is_wanted_by_gpu_step(worker);
  };
  const auto kind = wants_gpu || on_gpu_slots ? SlotTable::Kind::gpu : SlotTable::Kind::cpu;
  for (const auto& [slot, worker] : slots.free(kind)) {
    if (!fits(worker, slot)) continue;
    launch(number, worker, {slot}, now, out);
    return true;
  }
  if (kept_for == no_step || !may_fill_kept(group.entries.top().step, now)) return false;
  for (const auto& [worker, slot] : slots.kept_slots()) {
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
  if (group.entries.top().step == kept_for &&
      launch_on_worker(number, slots.kept_slots().front().first, on_gpu_slots, now, out)) {
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
  const bool with_kept = kept_for != no_step && slots.keeps_any_of(place) && may_fill_kept(step, now);
  auto candidates = slots.free_of(place, with_kept);
  std::erase_if(candidates, [&](std::uint32_t slot) {
    return group.avoid.has_slot(slot_number(place, slot)) || is_paused(place, slot);
  });
  if (!group.demand.wants_gpu && (!on_gpu_slots || is_wanted_by_gpu_step(place))) {
    std::erase_if(candidates, [&](std::uint32_t slot) { return slots.kind(place, slot) == SlotTable::Kind::gpu; });
  }
  const auto chosen = choose_slots(group.demand, worker.shape.slots, candidates);
  if (!chosen) return false;
  launch(number, place, *chosen, now, out);
  return true;
}

/// Whole nodes: nothing else of ours runs there meanwhile. The first of them runs the command.
bool Scheduler::Impl::launch_on_nodes(std::size_t number, double now, Decisions& out) {
  const auto& group = ready.group(number);
  const auto& demand = group.demand;
  if (slots.wholly_free_nodes() < demand.nodes) return false;
  const bool with_kept = kept_for != no_step && may_fill_kept(group.entries.top().step, now);
  const auto is_free = [&](const auto& node) {
    return node.second.busy_slots == 0 && !group.avoid.has_node(node.first) && node_suits(demand, node.second) &&
           (with_kept || std::none_of(node.second.workers.begin(), node.second.workers.end(),
                                      [this](WorkerPlace place) { return slots.keeps_any_of(place); }));
  };
  std::vector<WorkerPlace> places;
  std::uint32_t found = 0;
  for (const auto& node : slots.nodes()) {
    if (found == demand.nodes) break;
    if (!is_free(node)) continue;
    places.insert(places.end(), node.second.workers.begin(), node.second.workers.end());
    ++found;
  }
  if (found < demand.nodes) return false;
  const auto first = places.front();
  places.erase(places.begin());
  launch(number, first, slots.all_slots_of(first), now, out, places);
  return true;
}

void Scheduler::Impl::launch(std::size_t number, WorkerPlace worker, const std::vector<std::uint32_t>& chosen,
                             double now, Decisions& out, const std::vector<WorkerPlace>& with) {
  const auto& group = ready.group(number);
  const auto step = group.entries.top().step;
  const auto takes_kept = [&](std::uint32_t slot) { return kept_for != no_step && slots.is_kept(worker, slot); };
  const bool takes_any_kept =
      std::any_of(chosen.begin(), chosen.end(), takes_kept) ||
      std::any_of(with.begin(), with.end(), [&](WorkerPlace place) { return slots.keeps_any_of(place); });
  const bool upsets_kept = takes_any_kept && !ends_before_kept_are_needed(step, now);
  if (step == kept_for || upsets_kept) {
    give_up_kept();
    kept_came_free = true;
  }
  transition(step, StepState::running);
  const double until = now + expected_s(step);
  slots.occupy(worker, chosen, step, until);
  const auto& shape = slots.worker(worker).shape;
  auto& decided = out.launches.emplace_back(LaunchAttempt{step, ++attempts[step], slots.worker(worker).id, chosen,
                                                          gpus_taken(group.demand, shape.slots, chosen)});
  for (const auto place : with) {
    slots.occupy(place, slots.all_slots_of(place), step, until);
    decided.with.push_back(slots.worker(place).id);
  }
  decided.called_back = called_back_before(step);
  live[step] = {attempts[step], worker, chosen, with, false, now, now};
  count_shape(step, 1);
  slots_changed(worker);
  for (const auto place : with) slots_changed(place);
  if (group.demand.is_any_slot()) let_others_wait_behind(step, {worker, chosen.front()});
  ready.pop(number);
}

/// A GPU slot of this worker is wanted as long as a ready GPU step could use
/// it.
bool Scheduler::Impl::is_wanted_by_gpu_step(WorkerPlace place) const {
  if (ready.gpu_steps() == 0) return false;
  const auto& worker = slots.worker(place);
  for (const auto number : ready.in_order()) {
    const auto& group = ready.group(number);
    if (!group.demand.wants_gpu || group.avoid.has_node(worker.shape.node)) continue;
    if (worker_could_hold(group.demand, place)) return true;
  }
  return false;
}

double Scheduler::Impl::free_at(WorkerPlace worker, std::uint32_t slot, double now) const {
  return slots.occupant(worker, slot) == no_step ? now : std::max(now, slots.occupied_until(worker, slot));
}

/// What this worker could give the demand, if that is before `before`.
Scheduler::Impl::Promise Scheduler::Impl::promise_of(const Demand& demand, const Avoid& avoid, WorkerPlace place,
                                                     double before, double now) const {
  const auto& worker = slots.worker(place);
  if (!worker.alive || avoid.has_node(worker.shape.node)) return {};
  // A CPU-only step may not have GPU slots that a GPU step waits for, so it must not keep them from it.
  const bool no_gpu_slots = !demand.wants_gpu && is_wanted_by_gpu_step(place);
  std::vector<std::pair<double, std::uint32_t>> by_time;
  for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
    if (!slots.is_usable(place, slot) || avoid.has_slot(slot_number(place, slot))) continue;
    if (no_gpu_slots && slots.kind(place, slot) == SlotTable::Kind::gpu) continue;
    by_time.emplace_back(free_at(place, slot, now), slot);
  }
  std::stable_sort(by_time.begin(), by_time.end());
  std::vector<std::uint32_t> candidates;
  for (const auto& [at, slot] : by_time) {
    if (at >= before) break;
    candidates.insert(std::upper_bound(candidates.begin(), candidates.end(), slot), slot);
    const auto chosen = choose_slots(demand, worker.shape.slots, candidates);
    if (!chosen) continue;
    Promise promise{at, {}};
    for (const auto one : *chosen) promise.slots.emplace_back(place, one);
    return promise;
  }
  return {};
}

Scheduler::Impl::Promise Scheduler::Impl::earliest_on_one_worker(const Demand& demand, const Avoid& avoid, double now) {
  if (auto* known = known_earliest(demand, avoid)) {
    const auto first =
        known->first(slots.workers().size(), [&](WorkerPlace place) { return expected_to_hold_at(demand, place); });
    return first ? promise_of(demand, avoid, *first, never, now) : Promise{};
  }
  Promise best;
  for (WorkerPlace place = 0; place < slots.workers().size(); ++place) {
    auto promise = promise_of(demand, avoid, place, best.at, now);
    if (!promise.slots.empty()) best = std::move(promise);
  }
  return best;
}

/// On machines of thousands of workers looking at every slot for each step that needs several would cost seconds. Only
/// where the answer depends on nothing but the slots; few kinds of demands are to be expected.
EarliestWorkers* Scheduler::Impl::known_earliest(const Demand& demand, const Avoid& avoid) {
  constexpr std::size_t most_demands = 16;
  if (avoid.is_anything()) return nullptr;
  if (!demand.wants_gpu && slots.alive_slots(SlotTable::Kind::gpu) > 0) return nullptr;
  const auto it = earliest.find(demand);
  if (it != earliest.end()) return &it->second;
  return earliest.size() < most_demands ? &earliest[demand] : nullptr;
}

/// When all that the demand needs is expected to be free there together: -never when it is, never when it cannot be.
double Scheduler::Impl::expected_to_hold_at(const Demand& demand, WorkerPlace place) const {
  const auto& worker = slots.worker(place);
  const auto count = static_cast<std::uint32_t>(worker.shape.slots.size());
  if (!worker.alive || count == 0) return never;
  std::vector<double> times;
  times.reserve(count);
  // In the common case, one GPU of its own for each slot, any of them will do.
  bool any_will_do = demand.cpus <= 1 && demand.gpus > 0;
  for (std::uint32_t slot = 0; slot < count && any_will_do; ++slot) {
    const auto& gpus = worker.shape.slots[slot].gpus;
    any_will_do = gpus.size() == 1 && (slot == 0 || gpus.front() > worker.shape.slots[slot - 1].gpus.front());
    if (slots.is_usable(place, slot)) times.push_back(free_at(place, slot, -never));
  }
  if (!any_will_do) return promise_of(demand, {}, place, never, -never).at;
  if (times.size() < demand.gpus) return never;
  const auto last = times.begin() + static_cast<std::ptrdiff_t>(demand.gpus - 1);
  std::nth_element(times.begin(), last, times.end());
  return *last;
}

void Scheduler::Impl::slots_changed(WorkerPlace place) {
  for (auto& [demand, workers] : earliest) workers.touch(place);
}

Scheduler::Impl::Promise Scheduler::Impl::earliest_on_nodes(const Demand& demand, const Avoid& avoid,
                                                            double now) const {
  std::vector<std::pair<double, const SlotTable::Node*>> by_time;
  for (const auto& [number, node] : slots.nodes()) {
    if (avoid.has_node(number) || !node_suits(demand, node)) continue;
    double at = now;
    for (const auto place : node.workers) {
      for (const auto slot : slots.all_slots_of(place)) at = std::max(at, free_at(place, slot, now));
    }
    by_time.emplace_back(at, &node);
  }
  if (by_time.size() < demand.nodes) return {};
  std::stable_sort(by_time.begin(), by_time.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Promise promise{by_time[demand.nodes - 1].first, {}};
  for (std::uint32_t i = 0; i < demand.nodes; ++i) {
    for (const auto place : by_time[i].second->workers) {
      for (const auto slot : slots.all_slots_of(place)) promise.slots.emplace_back(place, slot);
    }
  }
  return promise;
}

/// The head needs several slots at once and there are none: those that are expected to be free first together are
/// kept, so that small steps cannot starve it.
void Scheduler::Impl::keep_slots_for(std::size_t number, double now) {
  auto& group = ready.group(number);
  auto promise = group.demand.nodes > 0 ? earliest_on_nodes(group.demand, group.avoid, now)
                                        : earliest_on_one_worker(group.demand, group.avoid, now);
  if (promise.slots.empty()) {
    group.hopeless = !could_go(group.demand, group.avoid);
    return;
  }
  kept_came_free = kept_for != no_step;
  give_up_kept();
  kept_for = group.entries.top().step;
  kept_until = promise.at;
  slots.keep(std::move(promise.slots));
}

/// True when a CPU-only step has GPU slots kept that a GPU step has come to
/// wait for.
bool Scheduler::Impl::keeps_gpu_slots_in_vain() const {
  if (kept_for == no_step || demand_of(*graph, kept_for).wants_gpu) return false;
  const auto& kept = slots.kept_slots();
  return std::any_of(kept.begin(), kept.end(), [this](const SlotPlace& place) {
    return slots.kind(place.first, place.second) == SlotTable::Kind::gpu && is_wanted_by_gpu_step(place.first);
  });
}

void Scheduler::Impl::give_up_kept() {
  if (kept_for == no_step) return;
  kept_for = no_step;
  // What could not be held before may be held where slots were given up, and nowhere else.
  for (const auto& [worker, slot] : slots.kept_slots()) ready.slot_freed(worker);
  slots.unkeep();
}

}  // namespace gradus
