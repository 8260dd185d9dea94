// Short steps wait at the slots: a round to the master takes longer than they do.
//
// A step may be sent to wait behind the running step of a slot when both are short by what was observed of their shape,
// when no slot is free for it and none is kept for another, and only so many that all together are expected to run for
// `prefetch_s`: so nothing is delayed by more than that, and a loss of the worker costs no more. What waits behind one
// that is late is called back: among steps of the same shape may be one that is long, and behind another such it would
// begin long after its turn.
#include <algorithm>

#include "core/scheduler_state.h"

namespace gradus {

double Scheduler::Impl::observed_s(StepIndex step) const {
  return step < shapes.size() ? durations.mean_s(shapes[step]) : -1;
}

/// Retries go where they are told to, and what was lost with a worker may have been the reason: neither waits.
bool Scheduler::Impl::may_wait_behind(StepIndex step) const {
  if (options.prefetch_s <= 0 || tried.contains(step)) return false;
  const double seconds = observed_s(step);
  return seconds >= 0 && seconds <= options.prefetch_s;
}

/// A slot on which the last step failed gets them one by one: it may be bad.
void Scheduler::Impl::let_others_wait_behind(StepIndex step, const SlotPlace& place) {
  if (may_wait_behind(step) && health.streak_length(slot_number(place.first, place.second)) == 0) {
    queues.open(place, slots.kind(place.first, place.second));
  }
}

void Scheduler::Impl::prefetch(double now, Decisions& out) {
  if (options.prefetch_s <= 0 || kept_for != no_step) return;
  for (const auto number : ready.by_head()) {
    while (!ready.group(number).entries.empty() && send_to_wait(number, now, out)) {
    }
  }
}

bool Scheduler::Impl::send_to_wait(std::size_t number, double now, Decisions& out) {
  const auto& group = ready.group(number);
  const auto step = group.entries.top().step;
  if (!group.demand.is_any_slot() || group.avoid.is_retry || !may_wait_behind(step)) return false;
  if (!fits_before_limit(step, now + options.prefetch_s)) return false;
  auto place = queues.shortest(group.demand.wants_gpu ? SlotTable::Kind::gpu : SlotTable::Kind::cpu);
  // A GPU slot has time for CPU-only steps only while no GPU step wants it.
  if (!place && !group.demand.wants_gpu && ready.gpu_steps() == 0) place = queues.shortest(SlotTable::Kind::gpu);
  if (!place) return false;
  constexpr double most = 16;
  const double fitting = std::min(most, options.prefetch_s / std::max(observed_s(step), options.prefetch_s / most));
  if (static_cast<double>(queues.length(*place) + 1) > fitting) return false;
  const auto& [worker, slot] = *place;
  const auto& front = live.at(slots.occupant(worker, slot));
  if (now - front.launched_at > options.prefetch_s) {
    queues.close(*place);  // it is late: nobody knows when it will end
    return true;
  }
  transition(step, StepState::running);
  queues.push(*place, step);
  out.launches.push_back({step,
                          ++attempts[step],
                          slots.worker(worker).id,
                          {slot},
                          gpus_taken(group.demand, slots.worker(worker).shape.slots, std::vector{slot}),
                          {},
                          true,
                          called_back_before(step)});
  live[step] = {attempts[step], worker, {slot}, {}, false, now, now, true};
  count_shape(step, 1);
  ready.pop(number);
  return true;
}

/// The slot of an attempt that has ended is free, or the next begins there.
void Scheduler::Impl::begin_next_on(const SlotPlace& place, double now) {
  const auto next = queues.pop(place);
  if (!next) return queues.close(place);
  slots.occupy(place.first, std::vector{place.second}, *next, now + expected_s(*next));
  auto& attempt = live.at(*next);
  attempt.waits = false;
  attempt.launched_at = now;
}

void Scheduler::Impl::call_back(const SlotPlace& place, Decisions& out) {
  for (const auto step : queues.all().at(place).waiting) {
    auto& attempt = live.at(step);
    if (attempt.called_back) continue;
    attempt.called_back = true;
    out.kills.push_back({step, attempt.attempt, slots.worker(attempt.worker).id, false, true});
  }
  queues.close(place);
}

void Scheduler::Impl::call_back_all(Decisions& out) {
  std::vector<SlotPlace> places;
  for (const auto& [place, queue] : queues.all()) places.push_back(place);
  for (const auto& place : places) call_back(place, out);
}

/// Looked at from time to time only: with very many slots a timer for each would cost more than they save.
void Scheduler::Impl::call_back_late_ones(double now, Decisions& out) {
  look_for_late_at = never;
  if (!may_launch() || queues.size() == 0) return;
  std::vector<SlotPlace> late;
  for (const auto& [place, queue] : queues.all()) {
    const auto& front = live.at(slots.occupant(place.first, place.second));
    if (!queue.waiting.empty() && now - front.launched_at >= options.prefetch_s) late.push_back(place);
  }
  for (const auto& place : late) call_back(place, out);
  look_for_late_at = now + options.prefetch_s;
}

}  // namespace gradus
