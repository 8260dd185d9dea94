#include "core/slot_queues.h"

#include <algorithm>

namespace gradus {

template <class Change>
void SlotQueues::change(const SlotPlace& place, const Change& change) {
  auto& queue = queues_[place];
  if (queue.is_open) open_ones(queue.kind).erase(entry(place, queue.waiting.size()));
  size_ -= queue.waiting.size();
  change(queue);
  size_ += queue.waiting.size();
  if (queue.is_open) {
    open_ones(queue.kind).insert(entry(place, queue.waiting.size()));
  } else if (queue.waiting.empty()) {
    queues_.erase(place);
  }
}

void SlotQueues::open(const SlotPlace& place, Kind kind) {
  change(place, [kind](Queue& queue) {
    queue.kind = kind;
    queue.is_open = true;
  });
}

void SlotQueues::close(const SlotPlace& place) {
  if (queues_.contains(place)) change(place, [](Queue& queue) { queue.is_open = false; });
}

std::optional<SlotPlace> SlotQueues::shortest(Kind kind) const {
  const auto& open = open_[static_cast<std::size_t>(kind)];
  if (open.empty()) return std::nullopt;
  const auto& [length, slot, worker] = *open.begin();
  return SlotPlace{worker, slot};
}

std::size_t SlotQueues::length(const SlotPlace& place) const {
  const auto it = queues_.find(place);
  return it == queues_.end() ? 0 : it->second.waiting.size();
}

void SlotQueues::push(const SlotPlace& place, StepIndex step) {
  change(place, [step](Queue& queue) { queue.waiting.push_back(step); });
}

std::optional<StepIndex> SlotQueues::pop(const SlotPlace& place) {
  if (length(place) == 0) return std::nullopt;
  StepIndex next = no_step;
  change(place, [&next](Queue& queue) {
    next = queue.waiting.front();
    queue.waiting.pop_front();
  });
  return next;
}

void SlotQueues::remove(const SlotPlace& place, StepIndex step) {
  if (queues_.contains(place)) change(place, [step](Queue& queue) { std::erase(queue.waiting, step); });
}

}  // namespace gradus
