#include "core/ready_queues.h"

#include <algorithm>

namespace gradus {

void ReadyQueues::push(const Entry& entry, const Demand& demand, const Avoid& avoid) {
  const auto [it, is_new] = numbers_.try_emplace({demand, avoid}, groups_.size());
  if (is_new) groups_.push_back({demand, avoid, {}, 0, false, false, {}});
  auto& group = groups_[it->second];
  if (group.entries.empty()) {
    active_.push_back(it->second);
    group.blocked = false;
    group.changed.clear();
  }
  group.entries.push(entry);
  is_in_order_ = false;
  ++size_;
  if (demand.wants_gpu) ++gpu_steps_;
}

void ReadyQueues::pop(std::size_t number) {
  auto& group = groups_[number];
  group.entries.pop();
  is_in_order_ = false;
  --size_;
  if (group.demand.wants_gpu) --gpu_steps_;
  if (group.entries.empty()) std::erase(active_, number);
}

const std::vector<std::size_t>& ReadyQueues::in_order() const {
  if (!is_in_order_) {
    std::sort(active_.begin(), active_.end(),
              [this](std::size_t a, std::size_t b) { return groups_[b].entries.top() < groups_[a].entries.top(); });
    is_in_order_ = true;
  }
  return active_;
}

std::vector<StepIndex> ReadyQueues::take_retries() {
  std::vector<StepIndex> steps;
  for (const auto number : std::vector<std::size_t>(active_)) {
    if (!groups_[number].avoid.is_retry) continue;
    while (!groups_[number].entries.empty()) {
      steps.push_back(groups_[number].entries.top().step);
      pop(number);
    }
  }
  return steps;
}

void ReadyQueues::slot_freed(std::uint32_t worker) {
  for (const auto number : active_) {
    if (groups_[number].blocked) groups_[number].changed.push_back(worker);
  }
}

void ReadyQueues::unblock() {
  for (const auto number : active_) groups_[number].blocked = false;
}

void ReadyQueues::hope_again() {
  for (auto& group : groups_) group.hopeless = false;
}

}  // namespace gradus
