#include "run/slot_use.h"

#include <algorithm>
#include <limits>

namespace gradus {
namespace {

constexpr double for_ever = std::numeric_limits<double>::infinity();

}  // namespace

SlotSeconds& SlotSeconds::operator+=(const SlotSeconds& other) {
  slots += other.slots;
  busy_s += other.busy_s;
  available_s += other.available_s;
  return *this;
}

void SlotUse::joined(WorkerId worker, double now) { present_.try_emplace(worker, Presence{now, for_ever}); }

void SlotUse::lost(WorkerId worker, double now) {
  const auto it = present_.find(worker);
  if (it != present_.end()) it->second.until = std::min(it->second.until, now);
}

void SlotUse::launched(const LaunchAttempt& launch, double now) {
  Live live{launch.attempt, launch.worker, now, 0, 0, {}, launch.slots.empty() ? 0 : launch.slots.front()};
  if (launch.worker < plan_.ranks.size()) {
    const auto& slots = plan_.ranks[launch.worker].slots;
    for (const auto slot : launch.slots) ++(slots.at(slot).gpus.empty() ? live.cpu_slots : live.gpu_slots);
  }
  live.with = launch.with;
  live_[launch.step] = live;
}

double SlotUse::freed(StepIndex step, std::uint32_t attempt, WorkerId worker, double now) {
  const auto it = live_.find(step);
  if (it == live_.end() || it->second.attempt != attempt || it->second.worker != worker) return -1;
  const auto live = it->second;
  live_.erase(it);
  // One that waited there holds the slot since the one before it has ended.
  double& free_since = free_since_[{worker, live.first_slot}];
  const double held = std::max(0.0, now - std::max(live.since, free_since));
  free_since = now;
  busy_[worker].gpu_s += held * live.gpu_slots;
  busy_[worker].cpu_s += held * live.cpu_slots;
  for (const auto other : live.with) {
    if (other >= plan_.ranks.size()) continue;
    for (const auto& slot : plan_.ranks[other].slots)
      (slot.gpus.empty() ? busy_[other].cpu_s : busy_[other].gpu_s) += held;
  }
  return held;
}

bool SlotUse::no_worker_left() const {
  return !present_.empty() &&
         std::all_of(present_.begin(), present_.end(), [](const auto& one) { return one.second.until != for_ever; });
}

std::vector<NodeUse> SlotUse::by_node(double now) const {
  std::map<std::uint32_t, NodeUse> nodes;
  for (const auto& [worker, presence] : present_) {
    if (worker >= plan_.ranks.size()) continue;
    const auto& rank = plan_.ranks[worker];
    const double there = std::max(0.0, std::min(presence.until, now) - presence.since);
    auto& node = nodes[rank.node];
    node.host = rank.host;
    for (const auto& slot : rank.slots) {
      auto& kind = slot.gpus.empty() ? node.cpu : node.gpu;
      ++kind.slots;
      kind.available_s += there;
    }
    if (const auto busy = busy_.find(worker); busy != busy_.end()) {
      node.gpu.busy_s += busy->second.gpu_s;
      node.cpu.busy_s += busy->second.cpu_s;
    }
  }
  std::vector<NodeUse> all;
  for (auto& [number, node] : nodes) all.push_back(std::move(node));
  return all;
}

}  // namespace gradus
