#include "gradus/scheduler.h"

#include <algorithm>
#include <cmath>

#include "core/longest_paths.h"
#include "core/scheduler_state.h"

namespace gradus {

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

Scheduler::Impl::Impl(std::shared_ptr<const Graph> the_graph, SchedulerOptions the_options)
    : graph(std::move(the_graph)), options(std::move(the_options)), health(options.quarantine_after) {
  const auto nodes = static_cast<StepIndex>(graph->node_count());
  const auto steps = static_cast<StepIndex>(graph->step_count());
  states.assign(nodes, StepState::waiting);
  unmet.resize(nodes);
  attempts.assign(steps, 0);
  live.make_room(steps);
  durations = options.durations_before;
  if (options.learn_durations) {
    shapes.reserve(steps);
    for (StepIndex step = 0; step < steps; ++step) shapes.push_back(command_shape(graph->step(step).command));
  }
  take_paths_from_earlier_lives();
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

/// Durations that were learnt before say more about the order than a guess that makes all steps equal. What is learnt
/// in this life does not: the order stays as it is.
void Scheduler::Impl::take_paths_from_earlier_lives() {
  if (shapes.empty() || durations.overall_mean_s() < 0) return;
  std::vector<float> seconds(graph->step_count());
  for (StepIndex step = 0; step < seconds.size(); ++step) seconds[step] = static_cast<float>(expected_s(step));
  learnt_paths = longest_paths(*graph, seconds);
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
  scheduler_bug("a state that does not exist");
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
  if (!legal) scheduler_bug("step " + graph->name(node) + " cannot go from " + word(from) + " to " + word(to));
  states[node] = to;
  if (graph->is_barrier(node)) return;
  --count(from);
  ++count(to);
}

void Scheduler::Impl::make_ready(StepIndex step) {
  transition(step, StepState::ready);
  const auto demand = demand_of(*graph, step);
  ready.push(entry(step), demand, places_to_avoid(step, demand));
}

void Scheduler::Impl::prerequisite_met(StepIndex node, std::vector<StepIndex>& barriers_done) {
  if (unmet[node] == 0) scheduler_bug("a prerequisite of " + std::to_string(node) + " was met twice");
  if (--unmet[node] > 0 || states[node] != StepState::waiting) return;
  if (!graph->is_barrier(node)) return make_ready(node);
  transition(node, StepState::succeeded);
  barriers_done.push_back(node);
}

void Scheduler::Impl::succeed_dependents(StepIndex node) {
  if (graph->dependents(node).empty()) return;
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
        if (unmet[dependent] == 0) scheduler_bug("an ended barrier was met twice");
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
  if (options.on_error == OnError::stop && !halted) {
    halted = true;
    out.stopped_by = step;
    call_back_all(out);
  }
  skip_dependents(step, out);
}

namespace {

/// By the slot's own clock where what it says can be true; by ours, a step that waited there took longer.
double duration_of(const AttemptResult& result, double at_most) {
  const double seconds = result.ended_at - result.started_at;
  return seconds > 0 && seconds <= at_most ? seconds : at_most;
}

}  // namespace

// ---- facts --------------------------------------------------------------------------------------------------------

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
  count_shape(fact.step, -1);
  const auto& outcome = fact.result.outcome;
  if (!outcome.succeeded() && was.slots.size() == 1) queues.close({was.worker, was.slots.front()});
  free_slots_of(fact.step, was, now);
  if (outcome.succeeded()) {
    if (fact.step < shapes.size()) durations.observe(shapes[fact.step], duration_of(fact.result, now - was.sent_at));
    note_health(fact.step, was, true, out);
    settle(fact.step, StepState::succeeded, out);
  } else if (outcome.is_steps_own_failure() && !was.lost_a_part) {
    note_health(fact.step, was, false, out);
    fail_or_retry(fact.step, was, now, out);
  } else if (stop != StopKind::none || halted) {
    transition(fact.step, StepState::waiting);
  } else if (was.called_back ||
             (was.lost_a_part && never_began(outcome.kind, fact.result.started_at, fact.result.ended_at))) {
    ++tried[fact.step].called_back;
    make_ready(fact.step);
  } else {
    // Ended by its worker for a reason of the worker's own (it is leaving): as
    // if it had been lost.
    lose_attempt(fact.step, out);
  }
  dispatch(now, out);
}

/// Of workers that are still there.
void Scheduler::Impl::free_slots_of(StepIndex step, const Live& attempt, double now) {
  const auto free = [&](WorkerPlace place, std::span<const std::uint32_t> some) {
    if (!slots.worker(place).alive) return;
    slots.release(place, some);
    if (some.size() == 1) begin_next_on({place, some.front()}, now);
    slots_changed(place);
    ready.slot_freed(place);
  };
  if (attempt.waits) return queues.remove({attempt.worker, attempt.slots.front()}, step);
  free(attempt.worker, attempt.slots);
  for (const auto place : attempt.with) free(place, slots.all_slots_of(place));
}

double Scheduler::Impl::retry_delay(std::uint32_t failures) const {
  const double longest = std::max(60.0, options.retry_delay_s);
  return std::min(longest, options.retry_delay_s * std::pow(2.0, static_cast<double>(failures) - 1));
}

void Scheduler::Impl::end_delays(double now, Decisions& out) {
  if (delayed.empty() || delayed.begin()->first > now) return;
  while (!delayed.empty() && delayed.begin()->first <= now) {
    const auto step = delayed.begin()->second;
    delayed.erase(delayed.begin());
    make_ready(step);
  }
  dispatch(now, out);
}

void Scheduler::Impl::fail_or_retry(StepIndex step, const Live& was, double now, Decisions& out) {
  auto& places = tried[step];
  const auto failures = attempts[step] - places.losses - places.called_back;
  const auto retries = graph->options(step).retries;
  // Without retries a step is never run again behind its owner's back, whosever fault it was.
  if (retries == 0 || failures - places.forgiven > retries) return settle(step, StepState::failed, out);
  places.last_node = slots.worker(was.worker).shape.node;
  places.last_slots.clear();
  for (const auto slot : was.slots) places.last_slots.push_back(slot_number(was.worker, slot));
  places.nodes.push_back(places.last_node);
  for (const auto place : was.with) places.nodes.push_back(slots.worker(place).shape.node);
  places.slots.insert(places.slots.end(), places.last_slots.begin(), places.last_slots.end());
  std::sort(places.nodes.begin(), places.nodes.end());
  std::sort(places.slots.begin(), places.slots.end());
  if (options.retry_delay_s <= 0) return make_ready(step);
  const double due = now + retry_delay(failures);
  if (may_launch() && !fits_before_limit(step, due)) {  // nothing is to wait for it
    transition(step, StepState::ready);
    return out_of_time.push_back(step);
  }
  transition(step, StepState::waiting);
  delayed.emplace(due, step);
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
  std::vector<StepIndex> cut;  // attempts over several nodes that lose one of them, not the one that runs them
  for (const auto& [step, attempt] : live) {
    if (std::find(attempt.with.begin(), attempt.with.end(), *place) != attempt.with.end()) cut.push_back(step);
  }
  std::sort(cut.begin(), cut.end());
  std::sort(gone.begin(),
            gone.end());  // a hash map's order must not decide anything
  for (const auto slot : slots.all_slots_of(*place)) {
    health.forget(slot_number(*place, slot));
    queues.close({*place, slot});
  }
  slots.lose(*place);
  slots_changed(*place);
  give_up_kept();
  for (const auto step : cut) {
    auto& attempt = live[step];
    if (!attempt.lost_a_part) out.kills.push_back({step, attempt.attempt, slots.worker(attempt.worker).id, true});
    attempt.lost_a_part = true;
  }
  for (const auto step : gone) {
    out.lost.push_back({step, live[step].attempt, fact.worker});
    free_slots_of(step, live[step], now);
    live.erase(step);
    count_shape(step, -1);
  }
  for (const auto step : gone) lose_attempt(step, out);
  ask_retries_again();  // where one may go can have been on that worker only
  ready.hope_again();   // a node may be whole without it
  ready.unblock();
  dispatch(now, out);
}

/// Where a retry may go depends on the workers that are there.
void Scheduler::Impl::ask_retries_again() {
  for (const auto step : ready.take_retries()) {
    const auto demand = demand_of(*graph, step);
    ready.push(entry(step), demand, places_to_avoid(step, demand));
  }
}

void Scheduler::Impl::on(const StopRequested& fact, double now, Decisions& out) {
  if (fact.kind <= stop) return;
  stop = fact.kind;
  give_up_kept();
  finish_deadline = stop == StopKind::finish ? now + options.grace_s : never;
  if (stop >= StopKind::cancel) return kill_all(stop == StopKind::kill, out);
  call_back_all(out);
}

void Scheduler::Impl::on(const HoldRequested& fact, double now, Decisions& out) {
  if (!may_launch()) return;
  held_until = std::max(held_until, now + fact.seconds);
  call_back_all(out);
}

void Scheduler::Impl::end_hold(double now, Decisions& out) {
  if (held_until == -never || is_held(now)) return;
  held_until = -never;
  dispatch(now, out);
}

void Scheduler::Impl::kill_all(bool at_once, Decisions& out) const {
  const auto first = out.kills.size();
  for (const auto& [step, attempt] : live) {
    out.kills.push_back({step, attempt.attempt, slots.worker(attempt.worker).id, at_once});
  }
  std::sort(out.kills.begin() + static_cast<std::ptrdiff_t>(first), out.kills.end(),
            [](const KillAttempt& a, const KillAttempt& b) { return a.step < b.step; });
}

// ---- checks -------------------------------------------------------------------------------------------------------

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
  if (recounted.ready != ready.size() + out_of_time.size()) return "the ready queues do not hold the ready steps";
  if (recounted.waiting != counts.waiting || recounted.ready != counts.ready || recounted.running != counts.running ||
      recounted.succeeded != counts.succeeded || recounted.failed != counts.failed ||
      recounted.skipped != counts.skipped) {
    return "the counts by state are wrong";
  }
  if (auto wrong = check_shapes(); !wrong.empty()) return wrong;
  std::size_t waiting = 0;
  for (const auto& [step, attempt] : live) {
    if (attempt.waits) {
      const auto it = queues.all().find({attempt.worker, attempt.slots.front()});
      const bool is_there =
          it != queues.all().end() && std::count(it->second.waiting.begin(), it->second.waiting.end(), step) == 1;
      if (!is_there) return "an attempt that waits at a slot is not in its queue";
      ++waiting;
      continue;
    }
    for (const auto slot : attempt.slots) {
      if (slots.occupant(attempt.worker, slot) != step) return "a slot is not occupied by the attempt that has it";
    }
    for (const auto place : attempt.with) {
      for (const auto slot : slots.all_slots_of(place)) {
        if (slots.worker(place).alive && slots.occupant(place, slot) != step) {
          return "a slot of another node is not occupied by the attempt that has it";
        }
      }
    }
  }
  if (waiting != queues.size()) return "a queue at a slot holds what does not wait";
  for (const auto& [place, queue] : queues.all()) {
    if (!live.contains(slots.occupant(place.first, place.second))) return "a slot has a queue and runs nothing";
  }
  for (const auto& [demand, workers] : earliest) {
    for (WorkerPlace place = 0; place < slots.workers().size(); ++place) {
      const auto known = workers.known(place);
      if (known && *known != promise_of(demand, {}, place, never, -never).at) {
        return "the time at which a worker is expected to hold a demand is out of date";
      }
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
  auto& state = *impl_;
  state.end_hold(now, decisions);
  state.end_delays(now, decisions);
  if (now >= state.look_for_late_at) state.call_back_late_ones(now, decisions);
  // At the limit less the grace nothing may run any more; what was cut off is left to --resume.
  if (now >= state.options.end_running_at && !state.told_to_end_for_time) {
    state.told_to_end_for_time = true;
    if (state.stop < StopKind::cancel) state.stop = StopKind::cancel;
    state.finish_deadline = never;
    state.give_up_kept();
    state.kill_all(false, decisions);
  }
  if (state.stop != StopKind::finish || now < state.finish_deadline) return;
  state.stop = StopKind::cancel;
  state.finish_deadline = never;
  state.kill_all(false, decisions);
}

double Scheduler::next_deadline() const {
  double launch = impl_->delayed.empty() ? never : impl_->delayed.begin()->first;
  if (impl_->held_until != -never) launch = std::min(launch, impl_->held_until);
  if (!impl_->may_launch()) launch = never;
  const double limit = impl_->told_to_end_for_time ? never : impl_->options.end_running_at;
  if (impl_->live.empty()) return launch == never ? never : std::min(launch, limit);
  return std::min({launch, impl_->look_for_late_at, impl_->finish_deadline, limit});
}

bool Scheduler::finished() const {
  if (!impl_->live.empty()) return false;
  if (impl_->counts.waiting + impl_->counts.ready == 0 || !impl_->may_launch()) return true;
  if (impl_->more_workers_follow) return false;
  const bool goes_on_later = !impl_->delayed.empty() || impl_->held_until != -never;
  if (goes_on_later && impl_->slots.alive_workers() > 0) return false;
  // Steps are left, nothing runs, nothing was launched at the last fact: no worker can take them, or none
  // would end in time.
  return !impl_->slots.workers().empty();
}

bool Scheduler::stopped_for_time() const {
  return impl_->told_to_end_for_time || (!impl_->out_of_time.empty() && impl_->may_launch() && finished());
}

const StepCounts& Scheduler::counts() const { return impl_->counts; }
StepState Scheduler::state(StepIndex step) const { return impl_->states[step]; }
std::uint32_t Scheduler::attempts(StepIndex step) const { return impl_->attempts[step]; }
StopKind Scheduler::stop_kind() const { return impl_->stop; }
bool Scheduler::stopped_on_error() const { return impl_->halted; }

std::uint64_t Scheduler::waiting_at_slots() const { return impl_->queues.size(); }

std::uint32_t Scheduler::held_slots() const {
  std::uint32_t held = 0;
  for (const auto& [step, attempt] : impl_->live) held += static_cast<std::uint32_t>(attempt.slots.size()) - 1;
  for (const auto& [worker, slot] : impl_->slots.kept_slots()) {
    if (impl_->slots.occupant(worker, slot) == no_step) ++held;
  }
  return held;
}

std::string Scheduler::sanity_check() const { return impl_->sanity_check(); }

}  // namespace gradus
