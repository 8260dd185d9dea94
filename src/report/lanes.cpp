#include "report/lanes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "run/slot_place.h"

namespace gradus {

Lanes::Lanes(const Chronicle& chronicle, const RunTime& time) {
  for (std::uint32_t life = 0; life < chronicle.lives().size(); ++life) {
    seen_.clear();
    for (const auto& [id, worker] : chronicle.lives()[life].workers) add(life, worker, time);
  }
  sort();
  for (std::uint32_t life = 0; life < chronicle.lives().size(); ++life) {
    for (const auto& bad : chronicle.lives()[life].quarantines) quarantine(life, bad, time);
  }
}

std::uint32_t Lanes::node_of(const std::string& host) {
  const auto [at, is_new] = host_known_.try_emplace(host, static_cast<std::uint32_t>(hosts_.size()));
  if (is_new) hosts_.push_back(host);
  return at->second;
}

void Lanes::add(std::uint32_t life, const LifeStory::Worker& worker, const RunTime& time) {
  const auto& record = worker.record;
  const auto place = std::pair(life, record.worker);
  for (const auto& slot : record.slots) {
    const auto kind = fmt::format("{}\n{}", record.host, fmt::join(slot.gpus, "\n"));
    const auto [at, is_new] =
        known_.try_emplace(fmt::format("{}\n\n{}", kind, seen_[kind]++), static_cast<LaneIndex>(lanes_.size()));
    if (is_new) lanes_.emplace_back();
    lanes_[at->second] = {node_of(record.host), slot.slot, record.worker, slot.thread, slot.gpus, slot.cores};
    of_worker_[place].push_back(at->second);
    slots_[place].push_back(slot.slot);
    const double until = worker.lost ? time.at(life, *worker.lost) : time.end(life);
    presences_.push_back(
        {life, at->second, time.at(life, worker.joined), until, worker.lost.has_value(), std::nullopt});
  }
}

/// So far lanes stand in the order in which the journal named them.
void Lanes::sort() {
  Sorted order(lanes_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(lanes_[a].node, lanes_[a].slot) < std::tie(lanes_[b].node, lanes_[b].slot);
  });
  std::vector<LaneIndex> now(lanes_.size());
  std::vector<Lane> sorted;
  for (const auto before : order) {
    now[before] = static_cast<LaneIndex>(sorted.size());
    sorted.push_back(std::move(lanes_[before]));
  }
  lanes_ = std::move(sorted);
  for (auto& presence : presences_) presence.lane = now[presence.lane];
  for (auto& [place, lanes] : of_worker_) {
    for (auto& lane : lanes) lane = now[lane];
  }
}

void Lanes::quarantine(std::uint32_t life, const LifeStory::Quarantine& bad, const RunTime& time) {
  const auto lane = of_slot(life, bad.worker, bad.slot);
  for (auto& presence : presences_) {
    if (presence.life == life && presence.lane == lane) presence.quarantine = time.at(life, bad.t);
  }
}

LaneIndex Lanes::of(std::uint32_t life, std::uint32_t worker, std::uint32_t slot) const {
  const auto at = of_worker_.find({life, worker});
  return at != of_worker_.end() && slot < at->second.size() ? at->second[slot] : no_lane;
}

std::vector<LaneIndex> Lanes::of_worker(std::uint32_t life, std::uint32_t worker) const {
  const auto at = of_worker_.find({life, worker});
  return at != of_worker_.end() ? at->second : std::vector<LaneIndex>();
}

LaneIndex Lanes::of_slot(std::uint32_t life, std::uint32_t worker, std::uint32_t global_slot) const {
  const auto at = slots_.find({life, worker});
  if (at == slots_.end()) return no_lane;
  const auto found = std::find(at->second.begin(), at->second.end(), global_slot);
  return found == at->second.end() ? no_lane : of(life, worker, static_cast<std::uint32_t>(found - at->second.begin()));
}

bool Lanes::any_gpu() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.has_gpu(); });
}

std::string Lanes::place(LaneIndex index) const {
  if (index >= lanes_.size()) return "an unknown place";
  const auto& lane = lanes_[index];
  return slot_place(hosts_[lane.node], lane.slot, lane.gpus);
}

std::string Lanes::place_in_words(LaneIndex index) const {
  if (index >= lanes_.size()) return "an unknown place";
  const auto& lane = lanes_[index];
  return slot_in_words(hosts_[lane.node], lane.slot, lane.gpus);
}

}  // namespace gradus
