#include "support/referee.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "support/builders.h"

namespace gradus::support {

Referee::Referee(std::shared_ptr<const Graph> graph, SchedulerOptions options, const Scheduler& scheduler)
    : graph_(std::move(graph)), options_(std::move(options)), scheduler_(scheduler) {
  const auto steps = graph_->step_count();
  fates_.assign(graph_->node_count(), Fate::open);
  passed_.assign(graph_->node_count(), false);
  attempts_.assign(steps, 0);
  failures_.assign(steps, 0);
  losses_.assign(steps, 0);
  for (StepIndex step = 0; step < options_.succeeded_before.size(); ++step) {
    if (options_.succeeded_before[step]) fates_[step] = Fate::succeeded;
  }
  // What costs time in proportion to all steps is done about 300 times at most.
  look_closely_every_ = 1 + steps / 300;
}

void Referee::complain(const std::string& what) {
  if (complaints_.empty()) {
    for (const auto& line : story_) story_before_first_ += "  " + line + "\n";
  }
  if (complaints_.size() < 40) complaints_.push_back(what);
}

void Referee::note(const std::string& what) {
  story_.push_back(what);
  if (story_.size() > 30) story_.pop_front();
}

std::string Referee::report() const {
  if (complaints_.empty()) return "";
  std::string text = "what happened before:\n" + story_before_first_ + "against the rules:\n";
  for (const auto& complaint : complaints_) text += "  " + complaint + "\n";
  return text;
}

std::string Referee::name(StepIndex step) const {
  return step < graph_->step_count() ? graph_->name(step) : "node " + std::to_string(step);
}

Referee::Ask Referee::ask(StepIndex step) const {
  const auto& options = graph_->options(step);
  const auto gpus = options.gpus.value_or(0);
  return {gpus > 0 || graph_->step(step).has_gpu_mark, gpus, options.cpus, options.nodes};
}

// ---- the rules of readiness -----------------------------------------------------------------

bool Referee::barrier_passed(StepIndex barrier) const {
  if (passed_[barrier]) return true;
  const bool ended_is_enough = graph_->barrier_kind(barrier) == BarrierKind::ended;
  for (const auto need : graph_->needs(barrier)) {
    const bool succeeded = graph_->is_barrier(need) ? barrier_passed(need) : fates_[need] == Fate::succeeded;
    if (!succeeded && !(ended_is_enough && fates_[need] != Fate::open)) return false;
  }
  return passed_[barrier] = true;
}

bool Referee::needs_met(StepIndex step) const {
  for (const auto need : graph_->needs(step)) {
    if (graph_->is_barrier(need) ? !barrier_passed(need) : fates_[need] != Fate::succeeded) return false;
  }
  return true;
}

std::vector<StepIndex> Referee::ready_steps() const {
  std::vector<StepIndex> ready;
  for (StepIndex step = 0; step < graph_->step_count(); ++step) {
    if (fates_[step] == Fate::open && !live_.contains(step) && needs_met(step)) ready.push_back(step);
  }
  return ready;
}

// ---- the rules of holding -------------------------------------------------------------------

bool Referee::holds(const Ask& ask, const WorkerShape& shape, const std::vector<std::uint32_t>& slots) const {
  std::set<std::uint32_t> gpus, cores;
  for (const auto slot : slots) {
    gpus.insert(shape.slots[slot].gpus.begin(), shape.slots[slot].gpus.end());
    cores.insert(shape.slots[slot].cores.begin(), shape.slots[slot].cores.end());
  }
  return ask.nodes == 0 && !slots.empty() && gpus.size() >= std::max(ask.gpus, ask.gpu ? 1U : 0U) &&
         (ask.cpus <= 1 || cores.size() >= ask.cpus);
}

/// If all slots that are in use at all were free.
bool Referee::holds(const Ask& ask, const Worker& worker) const {
  std::vector<std::uint32_t> usable;
  for (std::uint32_t slot = 0; slot < worker.occupants.size(); ++slot) {
    if (worker.occupants[slot] != out_of_use) usable.push_back(slot);
  }
  return holds(ask, worker.shape, usable);
}

/// How many nodes could be part of what a step with `nodes` asks for.
std::size_t Referee::nodes_for(const Ask& ask, bool only_free) const {
  std::map<std::uint32_t, std::set<std::uint32_t>> gpus;
  std::set<std::uint32_t> busy, not_whole;
  for (const auto& [id, worker] : workers_) {
    if (!worker.alive) continue;
    auto& of_node = gpus[worker.shape.node];
    for (const auto& slot : worker.shape.slots) of_node.insert(slot.gpus.begin(), slot.gpus.end());
    if (free_slots(worker).size() < worker.occupants.size()) busy.insert(worker.shape.node);
    const auto& occupants = worker.occupants;
    if (std::find(occupants.begin(), occupants.end(), out_of_use) != occupants.end())
      not_whole.insert(worker.shape.node);
  }
  return static_cast<std::size_t>(std::count_if(gpus.begin(), gpus.end(), [&](const auto& node) {
    return node.second.size() >= std::max(ask.gpus, ask.gpu ? 1U : 0U) && !(only_free && busy.contains(node.first)) &&
           !not_whole.contains(node.first);
  }));
}

/// Never a slot in use, never twice, never the last of its kind.
void Referee::judge_quarantine(const Decisions& decisions) {
  for (const auto& bad : decisions.quarantined) {
    const auto it = workers_.find(bad.worker);
    if (it == workers_.end() || !it->second.alive || bad.slot >= it->second.occupants.size()) {
      complain("a slot that is not there was quarantined");
      continue;
    }
    if (it->second.occupants[bad.slot] != no_step) complain("a slot was quarantined while a step runs there");
    if (options_.quarantine_after == 0 || bad.failures < options_.quarantine_after) complain("quarantined too early");
    if (!quarantined_.insert({bad.worker, bad.slot}).second) complain("a slot was quarantined twice");
    it->second.occupants[bad.slot] = out_of_use;
    const bool gpu = !it->second.shape.slots[bad.slot].gpus.empty();
    bool one_left = false;
    for (const auto& [id, worker] : workers_) {
      for (std::uint32_t slot = 0; worker.alive && slot < worker.occupants.size(); ++slot) {
        one_left = one_left || (gpu == !worker.shape.slots[slot].gpus.empty() && !quarantined_.contains({id, slot}));
      }
    }
    if (!one_left) complain("the last slot of its kind was quarantined");
  }
}

std::uint32_t Referee::quarantined_failures(StepIndex step) const {
  const auto it = failed_places_.find(step);
  if (it == failed_places_.end()) return 0;
  return static_cast<std::uint32_t>(std::count_if(it->second.begin(), it->second.end(), [this](const Place& place) {
    return std::any_of(place.slots.begin(), place.slots.end(), [&](std::uint32_t slot) {
      return quarantined_.contains({place.worker, slot});
    });
  }));
}

std::vector<std::uint32_t> Referee::free_slots(const Worker& worker) const {
  std::vector<std::uint32_t> slots;
  for (std::uint32_t slot = 0; worker.alive && slot < worker.occupants.size(); ++slot) {
    if (worker.occupants[slot] == no_step) slots.push_back(slot);
  }
  return slots;
}

std::size_t Referee::free_slots_for(const Ask& ask, bool gpu_slots_too) const {
  std::size_t count = 0;
  for (const auto& [id, worker] : workers_) {
    for (const auto slot : free_slots(worker)) {
      const bool is_gpu_slot = !worker.shape.slots[slot].gpus.empty();
      if (holds(ask, worker.shape, {slot}) && (ask.gpu || !is_gpu_slot || gpu_slots_too)) ++count;
    }
  }
  return count;
}

// ---- facts ----------------------------------------------------------------------------------

void Referee::on_fact(const Fact& fact, const Decisions& decisions, double now) {
  now_ = now;
  std::visit([&](const auto& one) { judge(one, decisions, now); }, fact);
  if (!decisions.launches.empty() && more_workers_follow_) complain("launched although more workers follow at once");
  judge_quarantine(decisions);
  const bool holds = std::holds_alternative<HoldRequested>(fact);
  judge_call_backs(decisions, holds, holds || !may_launch());
  if (now < held_until_ && !decisions.launches.empty()) complain("launched although it was to hold");
  for (const auto& launch : decisions.launches) judge_launch(launch);
  if (++facts_ % look_closely_every_ != 0) return;
  if (now >= held_until_) judge_batch(decisions.launches);
  if (const auto wrong = scheduler_.sanity_check(); !wrong.empty()) complain("sanity_check: " + wrong);
}

void Referee::on_time(const Decisions& decisions, double now) {
  now_ = now;
  const bool grace_over = stop_ == StopKind::finish && now >= finish_at_;
  const bool time_over = now >= options_.end_running_at && !is_over_for_time_;
  if (grace_over) note("the grace is over");
  if (time_over) {
    note("the time is over");
    is_over_for_time_ = true;
  }
  if (grace_over || (time_over && stop_ < StopKind::cancel)) stop_ = StopKind::cancel;
  judge_kills(decisions, grace_over || time_over, false);
  judge_call_backs(decisions, true, !may_launch());
  const bool may_retry = options_.retry_delay_s > 0 || (held_until_ > 0 && now >= held_until_);
  for (const auto& launch : decisions.launches) {
    if (!may_retry || now < held_until_) complain("time alone launched something");
    judge_launch(launch);
  }
  if (!decisions.settled.empty() || !decisions.lost.empty()) complain("time alone settled something");
}

void Referee::commit(double /*now*/) { committed_ = decided_.size(); }

void Referee::judge(const WorkerJoined& fact, const Decisions& decisions, double /*now*/) {
  note("worker " + std::to_string(fact.worker) + " joined: " + slots_text(fact.shape));
  const auto it = workers_.find(fact.worker);
  const bool is_new = it == workers_.end() || !it->second.alive;
  if (is_new) {
    more_workers_follow_ = fact.more_follow;
    Worker worker{fact.shape, true, std::vector<StepIndex>(fact.shape.slots.size(), no_step), {}, {}};
    workers_.insert_or_assign(fact.worker, std::move(worker));
  }
  Settling nothing;
  judge_settled(decisions, nothing);
  judge_kills(decisions, false, false);
}

void Referee::judge(const AttemptEnded& fact, const Decisions& decisions, double /*now*/) {
  Settling settling;
  note(name(fact.step) + "." + std::to_string(fact.attempt) + " ended on " + std::to_string(fact.worker) + ": " +
       describe(fact.result.outcome));
  const auto it = live_.find(fact.step);
  const bool is_true = it != live_.end() && it->second.attempt == fact.attempt && it->second.worker == fact.worker;
  if (is_true) {
    const auto& outcome = fact.result.outcome;
    if (withdraw(fact.step, fact.attempt) && outcome.kind != OutcomeKind::cancelled) {
      complain(name(fact.step) + " ended before it was launched");
    }
    note_row(fact, it->second);
    if (outcome.succeeded()) {
      fates_[fact.step] = Fate::succeeded;
      settling.states[fact.step] = StepState::succeeded;
    } else if (outcome.is_steps_own_failure() && !cut_.contains(fact.step)) {
      const auto& worker = workers_.at(fact.worker);
      failed_places_[fact.step].push_back({worker.shape.node, fact.worker, it->second.slots});
      const auto retries = graph_->options(fact.step).retries;
      const bool failed = std::any_of(decisions.settled.begin(), decisions.settled.end(), [&](const StepSettled& said) {
        return said.step == fact.step && said.state == StepState::failed;
      });
      // A failure on a slot that was (or is just now) found bad may be forgiven, but need not be.
      const auto may_be_forgiven =
          retries > 0 ? quarantined_failures(fact.step) + static_cast<std::uint32_t>(decisions.quarantined.size()) : 0;
      const auto failures = ++failures_[fact.step];
      if (failures > retries && (failed || failures > retries + may_be_forgiven)) spread_failure(fact.step, settling);
    } else if (may_launch() && (called_back_.contains(fact.step) ||
                                (cut_.contains(fact.step) &&
                                 never_began(outcome.kind, fact.result.started_at, fact.result.ended_at)))) {
      ++never_began_[fact.step];
    } else if (may_launch()) {
      count_loss(fact.step, settling);
    }
    leave_slots(fact.step);
  }
  judge_settled(decisions, settling);
  judge_kills(decisions, false, false);
  if (!is_true && !decisions.launches.empty()) complain("a message that tells nothing true launched something");
}

void Referee::judge(const WorkerLost& fact, const Decisions& decisions, double /*now*/) {
  note("worker " + std::to_string(fact.worker) + " lost");
  Settling settling;
  std::set<StepIndex> gone, cut_now;
  const auto it = workers_.find(fact.worker);
  if (it != workers_.end() && it->second.alive) {
    gone = it->second.live;
    for (const auto& [step, launch] : live_) {
      if (std::find(launch.with.begin(), launch.with.end(), fact.worker) == launch.with.end()) continue;
      if (!gone.contains(step) && !cut_.contains(step)) cut_now.insert(step);
    }
    cut_.insert(cut_now.begin(), cut_now.end());
    for (const auto step : gone) {
      withdraw(step, live_.at(step).attempt);
      count_loss(step, settling);
      leave_slots(step);
    }
    it->second.alive = false;
  }
  for (const auto& lost : decisions.lost) {
    if (gone.erase(lost.step) == 0) complain(name(lost.step) + " was said to be lost, but it was not there");
    if (lost.worker != fact.worker) complain(name(lost.step) + " was said to be lost with another worker");
    if (lost.attempt != attempts_[lost.step]) complain(name(lost.step) + ": an attempt was lost that is not the last");
  }
  for (const auto step : gone) complain(name(step) + " was lost with its worker, but that was not said");
  judge_settled(decisions, settling);
  for (const auto& kill : decisions.kills) {
    if (kill.call_back) continue;
    if (cut_now.erase(kill.step) == 0) complain(name(kill.step) + " is killed without a reason");
    if (!kill.at_once) complain(name(kill.step) + " has lost a node and is not killed at once");
  }
  for (const auto step : cut_now) complain(name(step) + " has lost one of its nodes and is not told to end");
}

void Referee::judge(const StopRequested& fact, const Decisions& decisions, double now) {
  note("stop of kind " + std::to_string(static_cast<int>(fact.kind)) + " requested");
  const bool is_stronger = fact.kind > stop_;
  if (is_stronger) {
    stop_ = fact.kind;
    finish_at_ = now + options_.grace_s;
  }
  judge_kills(decisions, is_stronger && fact.kind >= StopKind::cancel, fact.kind == StopKind::kill);
  Settling nothing;
  judge_settled(decisions, nothing);
}

void Referee::judge(const HoldRequested& fact, const Decisions& decisions, double now) {
  note("hold requested for " + std::to_string(fact.seconds) + " s");
  if (may_launch()) held_until_ = std::max(held_until_, now + fact.seconds);
  judge_kills(decisions, false, false);
  Settling nothing;
  judge_settled(decisions, nothing);
}

void Referee::judge_kills(const Decisions& decisions, bool expected, bool at_once) {
  std::set<StepIndex> killed;
  for (const auto& kill : decisions.kills) {
    if (kill.call_back) continue;
    const auto it = live_.find(kill.step);
    if (it == live_.end() || it->second.attempt != kill.attempt || it->second.worker != kill.worker) {
      complain("what is to be killed does not live: " + name(kill.step));
    }
    if (kill.at_once != at_once) complain(name(kill.step) + " is killed with the wrong gentleness");
    if (!killed.insert(kill.step).second) complain(name(kill.step) + " is killed twice at once");
  }
  if (!expected && !killed.empty()) complain("killed without a reason: " + name(*killed.begin()));
  if (expected && killed.size() != live_.size()) complain("a stop that kills did not kill everything that lives");
}

void Referee::count_loss(StepIndex step, Settling& settling) {
  if (++losses_[step] >= options_.crash_limit) spread_failure(step, settling);
}

/// `failed` has failed for good: all that need it, and are not behind an `ended` barrier, are skipped.
void Referee::spread_failure(StepIndex failed, Settling& settling) {
  fates_[failed] = Fate::failed;
  settling.states[failed] = StepState::failed;
  if (options_.on_error == OnError::stop && !halted_) {
    halted_ = true;
    settling.stopped_by = failed;
  }
  std::vector<StepIndex> front{failed};
  std::set<StepIndex> seen{failed};
  while (!front.empty()) {
    const auto node = front.back();
    front.pop_back();
    for (const auto next : graph_->dependents(node)) {
      if (graph_->is_barrier(next) && graph_->barrier_kind(next) == BarrierKind::ended) continue;
      const bool skipped_now = settling.causes.contains(next);
      if ((fates_[next] != Fate::open && !skipped_now) || !seen.insert(next).second) continue;
      fates_[next] = Fate::skipped;
      settling.causes[next].insert(failed);
      if (!graph_->is_barrier(next)) settling.states[next] = StepState::skipped;
      front.push_back(next);
    }
  }
}

void Referee::judge_settled(const Decisions& decisions, Settling& settling) {
  for (const auto& said : decisions.settled) {
    const auto it = settling.states.find(said.step);
    if (it == settling.states.end()) {
      complain(name(said.step) + " is said to be " + word(said.state) + " without a reason, or twice");
      continue;
    }
    if (it->second != said.state) {
      complain(name(said.step) + " is said to be " + word(said.state) + ", but it is " + word(it->second));
    }
    if (said.state == StepState::skipped && !settling.causes[said.step].contains(said.because_of)) {
      complain(name(said.step) + " is not skipped because of " + name(said.because_of));
    }
    settling.states.erase(it);
  }
  for (const auto& [step, state] : settling.states)
    complain(name(step) + " is " + word(state) + ", but that was not said");
  if (decisions.stopped_by != settling.stopped_by) complain("the first failure is not said to have stopped the run");
}

void Referee::leave_slots(StepIndex step) {
  const auto it = live_.find(step);
  auto& worker = workers_.at(it->second.worker);
  for (const auto slot : it->second.slots) {
    auto& waiting = worker.waiting[slot];
    if (worker.occupants[slot] != step) {
      std::erase(waiting, step);
    } else if (waiting.empty()) {
      worker.occupants[slot] = no_step;
    } else {
      worker.occupants[slot] = waiting.front();
      waiting.pop_front();
    }
  }
  worker.live.erase(step);
  called_back_.erase(step);
  for (const auto other : it->second.with) {
    auto& occupants = workers_.at(other).occupants;
    std::replace(occupants.begin(), occupants.end(), step, no_step);
  }
  cut_.erase(step);
  live_.erase(it);
}

// ---- one launch -----------------------------------------------------------------------------

void Referee::judge_launch(const LaunchAttempt& launch) {
  note("  launch " + name(launch.step) + "." + std::to_string(launch.attempt) + " on " + std::to_string(launch.worker) +
       " slots " + comma_joined(launch.slots));
  decided_.push_back(launch);
  if (launch.step >= graph_->step_count()) return complain("launched what is no step");
  const auto& step = launch.step;
  if (!may_launch()) complain(name(step) + " launched after a stop");
  if (now_ > options_.start_nothing_after) complain(name(step) + " launched after the time limit");
  if (fates_[step] != Fate::open) complain(name(step) + " launched although it is settled");
  if (live_.contains(step)) return complain(name(step) + " launched although an attempt of it lives");
  if (!needs_met(step)) complain(name(step) + " launched before its prerequisites");
  if (launch.attempt != ++attempts_[step]) complain(name(step) + ": attempts are not numbered 1, 2, 3");
  const auto known = never_began_.find(step);
  if (launch.called_back != (known == never_began_.end() ? 0 : known->second)) {
    complain(name(step) + " is told the wrong number of attempts");
  }
  const auto retries = graph_->options(step).retries;
  if (failures_[step] > retries + (retries > 0 ? quarantined_failures(step) : 0)) {
    complain(name(step) + " launched without a try left");
  }
  const auto it = workers_.find(launch.worker);
  if (it == workers_.end() || !it->second.alive)
    return complain(name(step) + " launched on a worker that is not there");
  auto& worker = it->second;
  worker.live.insert(step);
  live_[step] = launch;
  if (launch.waits) return judge_waiting(launch, worker);
  judge_slots(launch, worker);
  judge_nodes(launch);
  for (const auto slot : launch.slots) {
    if (slot < worker.occupants.size()) worker.occupants[slot] = step;
  }
}

/// One that is to wait at a slot: only behind another, only where none is free for it, never a second try.
void Referee::judge_waiting(const LaunchAttempt& launch, Worker& worker) {
  const auto who = name(launch.step);
  const auto wanted = ask(launch.step);
  if (options_.prefetch_s <= 0) complain(who + " is to wait at a slot, which nobody asked for");
  if (launch.slots.size() != 1 || launch.slots.front() >= worker.occupants.size() || !launch.with.empty()) {
    return complain(who + " is to wait at what is not one slot");
  }
  const auto slot = launch.slots.front();
  const auto occupant = worker.occupants[slot];
  if (occupant == no_step || occupant == out_of_use) complain(who + " is to wait at a slot where nothing runs");
  if (!holds(wanted, worker.shape, {slot}) || wanted.gpus > 0 || !wanted.is_single()) {
    complain(who + " is to wait where it does not get what it asked for");
  }
  judge_gpus(launch, worker);
  if (has_failed_before(launch.step) || losses_[launch.step] > 0) complain(who + " has failed before and is to wait");
  if (scheduler_.held_slots() == 0 && free_slots_for(wanted, false) > perhaps_paused()) {
    complain(who + " is to wait though a slot is free");
  }
  auto& waiting = worker.waiting[slot];
  waiting.push_back(launch.step);
  constexpr std::size_t most = 16;
  if (waiting.size() > most) complain("more than 16 steps wait at one slot");
}

bool Referee::is_waiting(StepIndex step) const {
  const auto it = live_.find(step);
  if (it == live_.end() || !it->second.waits) return false;
  const auto& worker = workers_.at(it->second.worker);
  return worker.occupants[it->second.slots.front()] != step;
}

/// With a reason only, only what waits, once; and everything when nothing more is to start.
void Referee::judge_call_backs(const Decisions& decisions, bool may_be_late, bool nothing_is_to_start) {
  for (const auto& kill : decisions.kills) {
    if (!kill.call_back) continue;
    const auto it = live_.find(kill.step);
    const bool is_there = it != live_.end() && it->second.attempt == kill.attempt && it->second.worker == kill.worker;
    if (!is_there || !is_waiting(kill.step)) complain(name(kill.step) + " is called back, but it waits nowhere");
    if (!called_back_.insert(kill.step).second) complain(name(kill.step) + " is called back twice");
    if (!nothing_is_to_start && !may_be_late)
      complain(name(kill.step) + " is called back, and nothing says that it is late");
  }
  if (!nothing_is_to_start || stop_ >= StopKind::cancel) return;
  for (const auto& [step, launch] : live_) {
    if (is_waiting(step) && !called_back_.contains(step))
      complain(name(step) + " may begin though nothing is to start");
  }
}

/// Whole nodes, as many as asked for, each with the GPUs asked for.
void Referee::judge_nodes(const LaunchAttempt& launch) {
  const auto who = name(launch.step);
  const auto wanted = ask(launch.step);
  if (wanted.nodes == 0) {
    if (!launch.with.empty()) complain(who + " got more than one worker and did not ask for nodes");
    return;
  }
  std::set<WorkerId> got{launch.worker};
  for (const auto other : launch.with) {
    const auto it = workers_.find(other);
    if (!got.insert(other).second) return complain(who + " got a worker twice");
    if (it == workers_.end() || !it->second.alive) return complain(who + " got a worker that is not there");
    auto& occupants = it->second.occupants;
    for (const auto occupant : occupants) {
      if (occupant != no_step) complain(who + " launched on a node where " + name(occupant) + " runs");
    }
    std::fill(occupants.begin(), occupants.end(), launch.step);
  }
  if (launch.slots.size() != workers_.at(launch.worker).occupants.size())
    complain(who + " has not its whole first worker");
  std::map<std::uint32_t, std::set<std::uint32_t>> gpus;
  for (const auto& [id, worker] : workers_) {
    const auto node = worker.shape.node;
    if (!got.contains(id)) continue;
    for (const auto& slot : worker.shape.slots) gpus[node].insert(slot.gpus.begin(), slot.gpus.end());
    for (const auto& [other_id, other] : workers_) {
      if (other.alive && other.shape.node == node && !got.contains(other_id)) complain(who + " has not a whole node");
    }
  }
  if (gpus.size() != wanted.nodes) complain(who + " got another number of nodes than it asked for");
  for (const auto& [node, devices] : gpus) {
    if (devices.size() < std::max(wanted.gpus, wanted.gpu ? 1U : 0U)) complain(who + " got a node with too few GPUs");
  }
}

void Referee::judge_slots(const LaunchAttempt& launch, const Worker& worker) {
  const auto who = name(launch.step);
  const auto& slots = launch.slots;
  if (slots.empty()) return complain(who + " launched on no slot");
  if (slots.back() >= worker.occupants.size()) return complain(who + " launched on a slot that does not exist");
  for (std::size_t i = 1; i < slots.size(); ++i) {
    if (slots[i - 1] >= slots[i]) return complain(who + ": slots are not ascending");
  }
  for (const auto slot : slots) {
    if (worker.occupants[slot] != no_step) complain(who + " launched on the slot of " + name(worker.occupants[slot]));
  }
  const auto wanted = ask(launch.step);
  if (wanted.nodes > 0) return;
  if (!holds(wanted, worker.shape, slots)) return complain(who + " did not get what it asked for");
  for (std::size_t i = 0; i < slots.size() && slots.size() > 1; ++i) {
    auto fewer = slots;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (holds(wanted, worker.shape, fewer)) complain(who + " holds a slot that it does not need");
  }
  judge_gpus(launch, worker);
  judge_retry_place(launch, worker);
}

void Referee::judge_gpus(const LaunchAttempt& launch, const Worker& worker) {
  const auto who = name(launch.step);
  const auto wanted = ask(launch.step);
  std::set<std::uint32_t> devices, of_slots;
  for (const auto& [slot, index] : launch.gpus) {
    if (!std::binary_search(launch.slots.begin(), launch.slots.end(), slot))
      return complain(who + " got a GPU of a slot it has not");
    if (index >= worker.shape.slots[slot].gpus.size()) return complain(who + " got a GPU that does not exist");
    if (!devices.insert(worker.shape.slots[slot].gpus[index]).second) complain(who + " got one GPU twice");
  }
  if (!std::is_sorted(launch.gpus.begin(), launch.gpus.end())) complain(who + ": GPUs are not lowest first");
  if (!wanted.gpu && !devices.empty()) complain(who + " is CPU-only and got a GPU");
  if (wanted.gpus > 0 && devices.size() != wanted.gpus) complain(who + " got another number of GPUs than it asked for");
  if (!wanted.gpu || wanted.gpus > 0) return;
  if (launch.gpus.empty()) return complain(who + " got no GPU");
  const auto& all = worker.shape.slots[launch.gpus.front().first].gpus;
  of_slots.insert(all.begin(), all.end());
  if (devices != of_slots) complain(who + " did not get all GPUs of its one slot");
}

/// Another node where there is one, an untried one before all; else another slot, an untried one before all.
void Referee::judge_retry_place(const LaunchAttempt& launch, const Worker& worker) {
  const auto it = failed_places_.find(launch.step);
  if (it == failed_places_.end()) return;
  const auto wanted = ask(launch.step);
  const auto& last = it->second.back();
  std::set<std::uint32_t> tried;
  for (const auto& place : it->second) tried.insert(place.node);
  bool untried_node = false, other_node = false;
  for (const auto& [id, other] : workers_) {
    if (!other.alive || !holds(wanted, other)) continue;
    untried_node = untried_node || !tried.contains(other.shape.node);
    other_node = other_node || other.shape.node != last.node;
  }
  const auto node = worker.shape.node;
  const auto who = name(launch.step) + "'s retry went to ";
  if (untried_node && tried.contains(node)) return complain(who + "a node where it failed, though another is there");
  if (other_node && node == last.node) return complain(who + "the node where it failed last, though another is there");
  if (!untried_node && launch.slots.size() == 1) judge_retry_slot(launch, it->second, other_node);
}

void Referee::judge_retry_slot(const LaunchAttempt& launch, const std::vector<Place>& places, bool other_node) {
  const auto& last = places.back();
  std::set<std::pair<WorkerId, std::uint32_t>> tried;
  for (const auto& place : places) {
    for (const auto slot : place.slots) tried.insert({place.worker, slot});
  }
  bool untried_slot = false, other_slot = false;
  for (const auto& [id, worker] : workers_) {
    if (!worker.alive || (other_node && worker.shape.node == last.node)) continue;
    for (std::uint32_t slot = 0; slot < worker.occupants.size(); ++slot) {
      if (worker.occupants[slot] == out_of_use || !holds(ask(launch.step), worker.shape, {slot})) continue;
      untried_slot = untried_slot || !tried.contains({id, slot});
      other_slot = other_slot || id != last.worker || std::vector{slot} != last.slots;
    }
  }
  const auto who = name(launch.step) + "'s retry went to ";
  const bool same_place = launch.worker == last.worker && launch.slots == last.slots;
  if (untried_slot && tried.contains({launch.worker, launch.slots.front()})) {
    complain(who + "a slot where it failed, though another is there");
  } else if (other_slot && same_place) {
    complain(who + "the very slot where it failed last, though another is there");
  }
}

// ---- all launches of one moment -------------------------------------------------------------

void Referee::judge_batch(const std::vector<LaunchAttempt>& launches) {
  if (!may_launch() || more_workers_follow_ || has_limit()) return;
  const auto ready = ready_steps();
  judge_idle_slots(ready);
  for (const auto& launch : launches) {
    if (has_failed_before(launch.step)) continue;
    judge_cpu_only_on_gpu(launch, ready);
    judge_order(launch, ready);
  }
}

void Referee::note_row(const AttemptEnded& fact, const LaunchAttempt& launch) {
  if (launch.slots.size() != 1 || !launch.with.empty()) return;
  auto& row = failures_in_a_row_[{fact.worker, launch.slots.front()}];
  if (fact.result.outcome.succeeded()) row = 0;
  if (fact.result.outcome.is_steps_own_failure()) ++row;
}

/// Free slots that have failed so often that they may wait for what others will tell while something runs.
std::size_t Referee::perhaps_paused() const {
  if (options_.quarantine_after == 0 || live_.empty()) return 0;
  std::size_t count = 0;
  for (const auto& [id, worker] : workers_) {
    for (const auto slot : free_slots(worker)) {
      const auto row = failures_in_a_row_.find({id, slot});
      if (row != failures_in_a_row_.end() && row->second >= options_.quarantine_after) ++count;
    }
  }
  return count;
}

/// A free slot that no multi-slot step has had kept, and that is not suspect, must not idle while a ready step could
/// run there.
void Referee::judge_idle_slots(const std::vector<StepIndex>& ready) {
  const bool gpu_step_waits = std::any_of(ready.begin(), ready.end(), [&](StepIndex step) { return ask(step).gpu; });
  const bool several_wait =
      std::any_of(ready.begin(), ready.end(), [&](StepIndex step) { return !ask(step).is_single(); });
  const std::size_t perhaps_kept = (several_wait ? scheduler_.held_slots() : 0) + perhaps_paused();
  std::size_t free_for[2] = {free_slots_for({}, !gpu_step_waits), free_slots_for({.gpu = true}, true)};
  for (const auto step : ready) {
    if (options_.retry_delay_s > 0 && has_failed_before(step)) continue;  // it may wait for its time
    const auto wanted = ask(step);
    if (live_.empty()) {
      if (wanted.nodes > 0 && nodes_for(wanted, true) >= wanted.nodes) {
        return complain("nothing runs, though " + name(step) + " could");
      }
      for (const auto& [id, worker] : workers_) {
        if (worker.alive && holds(wanted, worker)) return complain("nothing runs, though " + name(step) + " could");
      }
    }
    if (!wanted.is_single() || has_failed_before(step)) continue;
    if (free_for[wanted.gpu ? 1 : 0] > perhaps_kept)
      return complain("a slot idles, though " + name(step) + " could run there");
  }
  if (perhaps_kept > 0) return;
  for (const auto step : ready) {
    const auto wanted = ask(step);
    if (!wanted.gpu || has_failed_before(step)) continue;
    for (const auto& [id, worker] : workers_) {
      if (holds(wanted, worker.shape, free_slots(worker))) {
        return complain("slots of worker " + std::to_string(id) + " idle, though " + name(step) + " could run there");
      }
    }
  }
}

void Referee::judge_cpu_only_on_gpu(const LaunchAttempt& launch, const std::vector<StepIndex>& ready) {
  const auto& shape = workers_.at(launch.worker).shape;
  const auto is_gpu_slot = [&](std::uint32_t slot) { return !shape.slots[slot].gpus.empty(); };
  // A program over whole nodes has its turn in order.
  if (ask(launch.step).nodes > 0) return;
  if (ask(launch.step).gpu || std::none_of(launch.slots.begin(), launch.slots.end(), is_gpu_slot)) return;
  bool several_wait = false;
  for (const auto step : ready) {
    several_wait = several_wait || !ask(step).is_single();
    if (!ask(step).gpu || has_failed_before(step) || !holds(ask(step), workers_.at(launch.worker))) continue;
    complain(name(launch.step) + " is CPU-only and took a GPU slot that " + name(step) + " wants");
  }
  if (!several_wait && ask(launch.step).is_single() && free_slots_for({}, false) > perhaps_paused()) {
    complain(name(launch.step) + " is CPU-only and took a GPU slot though one without GPU is free");
  }
}

/// Priority, then longest path, then file order, among steps that ask for the same.
void Referee::judge_order(const LaunchAttempt& launch, const std::vector<StepIndex>& ready) {
  const auto rank = [&](StepIndex step) {
    return std::tuple{-std::int64_t{graph_->options(step).priority}, -graph_->longest_path_s(step), step};
  };
  if (std::any_of(ready.begin(), ready.end(), [&](StepIndex step) { return !ask(step).is_single(); })) return;
  for (const auto step : ready) {
    if (has_failed_before(step) || ask(step) != ask(launch.step) || rank(step) > rank(launch.step)) continue;
    complain(name(launch.step) + " was launched and " + name(step) + ", which comes before it, was not");
  }
}

// ---- acting and the end ---------------------------------------------------------------------

void Referee::sees(const LaunchAttempt& launch) {
  if (decided_.empty() || committed_ == 0) return complain(name(launch.step) + " is launched before it was recorded");
  const auto& next = decided_.front();
  if (next.step != launch.step || next.attempt != launch.attempt || next.worker != launch.worker ||
      next.slots != launch.slots || next.gpus != launch.gpus || next.with != launch.with ||
      next.waits != launch.waits) {
    complain(name(launch.step) + " is launched, but " + name(next.step) + " was decided");
  }
  decided_.pop_front();
  --committed_;
}

/// True when it is over before it was acted upon: then nothing of it may reach the cluster.
bool Referee::withdraw(StepIndex step, std::uint32_t attempt) {
  return std::erase_if(decided_, [&](const LaunchAttempt& launch) {
           return launch.step == step && launch.attempt == attempt;
         }) > 0;
}

void Referee::sees(const KillAttempt& kill) {
  if (std::any_of(decided_.begin(), decided_.end(), [&](const LaunchAttempt& launch) {
        return launch.step == kill.step && launch.attempt == kill.attempt;
      })) {
    complain(name(kill.step) + " is told to end before it is launched, which ends nothing");
  }
  if (stop_ < StopKind::cancel && !kill.call_back && !cut_.contains(kill.step))
    complain(name(kill.step) + " is killed without a stop");
}

void Referee::final_whistle() {
  if (!decided_.empty()) complain(name(decided_.front().step) + " was decided but never launched");
  if (!live_.empty()) complain("the run is over, but " + name(live_.begin()->first) + " runs");
  if (!scheduler_.finished()) complain("the run is over, but the scheduler has not finished");
  StepCounts mine;
  for (StepIndex step = 0; step < graph_->step_count(); ++step) {
    const auto said = scheduler_.state(step);
    const bool is_open = said == StepState::waiting || said == StepState::ready;
    const bool agrees = fates_[step] == Fate::open        ? is_open
                        : fates_[step] == Fate::succeeded ? said == StepState::succeeded
                        : fates_[step] == Fate::failed    ? said == StepState::failed
                                                          : said == StepState::skipped;
    if (!agrees) complain(name(step) + " ends as " + word(said) + ", which is not what happened");
    if (scheduler_.attempts(step) != attempts_[step]) complain(name(step) + ": its attempts are miscounted");
    if (fates_[step] == Fate::open) ++mine.waiting;
    if (fates_[step] == Fate::succeeded) ++mine.succeeded;
    if (fates_[step] == Fate::failed) ++mine.failed;
    if (fates_[step] == Fate::skipped) ++mine.skipped;
  }
  const auto& said = scheduler_.counts();
  if (said.running != 0 || said.waiting + said.ready != mine.waiting || said.succeeded != mine.succeeded ||
      said.failed != mine.failed || said.skipped != mine.skipped) {
    complain("the summary is not what happened");
  }
  if (const auto wrong = scheduler_.sanity_check(); !wrong.empty()) complain("sanity_check: " + wrong);
  if (scheduler_.stopped_for_time() && !is_over_for_time_ && (!has_limit() || !may_launch() || mine.waiting == 0)) {
    complain("the run is said to be over for the time limit, which is not why it is over");
  }
  if (!may_launch() || mine.waiting == 0 || scheduler_.stopped_for_time()) return;
  const auto ready = ready_steps();
  if (ready.empty()) complain("steps wait for nothing");
  for (const auto step : ready) {
    if (ask(step).nodes > 0 && nodes_for(ask(step), false) >= ask(step).nodes) {
      return complain("the run is over, but " + name(step) + " could run");
    }
    for (const auto& [id, worker] : workers_) {
      if (worker.alive && holds(ask(step), worker)) {
        return complain("the run is over, but " + name(step) + " could run on worker " + std::to_string(id));
      }
    }
  }
}

}  // namespace gradus::support
