// Slots under suspicion: what follows from how attempts ended there (the rule itself: core/slot_health.h).
#include "core/scheduler_state.h"

namespace gradus {

/// Attempts on one slot only: nobody can say which of several was bad.
void Scheduler::Impl::note_health(StepIndex step, const Live& was, bool succeeded, Decisions& out) {
  if (options.quarantine_after == 0 || was.slots.size() != 1 || !was.with.empty()) return;
  const auto slot = slot_number(was.worker, was.slots.front());
  const auto shape = step < shapes.size() ? shapes[step] : 0;
  if (succeeded) {
    health.succeeded(slot, shape);
  } else {
    const auto it = tried.find(step);
    health.failed(slot, shape, step, it != tried.end() ? it->second.slots : std::vector<std::uint64_t>());
  }
  for (const auto bad : health.bad()) {
    quarantine(static_cast<WorkerPlace>(bad >> 32), static_cast<std::uint32_t>(bad), out);
  }
}

/// Never the last slot of its kind. One that is busy has its turn when its step has ended.
void Scheduler::Impl::quarantine(WorkerPlace place, std::uint32_t slot, Decisions& out) {
  if (!slots.worker(place).alive || slots.occupant(place, slot) != no_step) return;
  if (slots.alive_slots(slots.kind(place, slot)) <= 1) return;
  const auto number = slot_number(place, slot);
  const auto streak = health.streak(number);
  for (const auto step : streak) {
    // Settled steps stay what they are; the others have lost nothing by this slot.
    if (states[step] != StepState::failed && states[step] != StepState::succeeded) ++tried[step].forgiven;
  }
  if (slots.is_kept(place, slot)) give_up_kept();
  slots.take_out_of_use(place, slot);
  slots_changed(place);
  health.forget(number);
  out.quarantined.push_back({slots.worker(place).id, slot, static_cast<std::uint32_t>(streak.size())});
  ready.unblock();
  ask_retries_again();
}

/// How many attempts of each shape are under way; only asked for where there is a suspect.
void Scheduler::Impl::count_shape(StepIndex step, int more) {
  if (options.quarantine_after == 0 || step >= shapes.size()) return;
  live_of_shape[shapes[step]] += more;
}

std::string Scheduler::Impl::check_shapes() const {
  if (options.quarantine_after == 0 || shapes.empty()) return "";
  std::unordered_map<std::uint64_t, std::int64_t> recounted;
  for (const auto& [step, attempt] : live) ++recounted[shapes[step]];
  for (const auto& [shape, count] : live_of_shape) {
    if (count != 0 && recounted[shape] != count) return "the count of live attempts of a shape is wrong";
  }
  for (const auto& [shape, count] : recounted) {
    const auto it = live_of_shape.find(shape);
    if (count != 0 && (it == live_of_shape.end() || it->second != count))
      return "live attempts of a shape are not counted";
  }
  return "";
}

/// A suspect of which nobody can say yet whether it is bad gets nothing while steps like those that failed there run
/// elsewhere: their ends will tell, and until then it could fail the whole queue. Not where half of the slots or more
/// are suspect: then it is the steps, and they would run one after the other.
bool Scheduler::Impl::should_pause(std::uint64_t suspect) const {
  const auto place = static_cast<WorkerPlace>(suspect >> 32);
  const auto kind = slots.kind(place, static_cast<std::uint32_t>(suspect));
  if (2 * health.suspects().size() > slots.alive_slots(kind) || !health.lacks_evidence(suspect)) return false;
  const auto streak_shapes = health.streak_shapes(suspect);
  return std::any_of(streak_shapes.begin(), streak_shapes.end(), [this](std::uint64_t shape) {
    const auto it = live_of_shape.find(shape);
    return it != live_of_shape.end() && it->second > 0;
  });
}

void Scheduler::Impl::review_pauses() {
  if (paused.empty() && health.suspects().empty()) return;
  std::set<std::uint64_t> now_paused;
  for (const auto suspect : health.suspects()) {
    if (should_pause(suspect)) now_paused.insert(suspect);
  }
  const bool some_go_on =
      std::any_of(paused.begin(), paused.end(), [&](std::uint64_t slot) { return !now_paused.contains(slot); });
  paused = std::move(now_paused);
  // As if they had just been released.
  if (some_go_on) ready.unblock();
}

}  // namespace gradus
