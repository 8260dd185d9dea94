#include "core/slot_table.h"

#include <algorithm>

namespace gradus {

WorkerPlace SlotTable::join(const WorkerJoined& joined) {
  const auto place = static_cast<WorkerPlace>(workers_.size());
  Worker worker;
  worker.id = joined.worker;
  worker.shape = joined.shape;
  worker.first_slot = static_cast<std::uint32_t>(occupant_.size());
  workers_.push_back(std::move(worker));
  places_[joined.worker] = place;
  ++alive_workers_;
  const auto slots = static_cast<std::uint32_t>(joined.shape.slots.size());
  occupant_.resize(occupant_.size() + slots, no_step);
  for (const auto& slot : joined.shape.slots) kind_.push_back(slot.gpus.empty() ? Kind::cpu : Kind::gpu);
  until_.resize(occupant_.size(), 0);
  kept_.resize(occupant_.size(), false);
  auto& node = nodes_[joined.shape.node];
  workers_[place].node = &node;
  if (node.workers.empty()) ++wholly_free_nodes_;
  node.workers.push_back(place);
  count_gpus(node);
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    ++alive_slots_[static_cast<std::size_t>(kind(place, slot))];
    count_busy(node, true);
    set_free(place, slot, true);
  }
  return place;
}

void SlotTable::lose(WorkerPlace place) {
  auto& worker = workers_[place];
  if (!worker.alive) return;
  if (keeps_any_of(place)) unkeep();
  for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
    if (occupant(place, slot) == no_step) set_free(place, slot, false);
    if (is_usable(place, slot)) --alive_slots_[static_cast<std::size_t>(kind(place, slot))];
    occupant_[worker.first_slot + slot] = no_step;
    count_busy(*worker.node, false);
  }
  auto& node = *worker.node;
  std::erase(node.workers, place);
  node.is_whole = std::all_of(node.workers.begin(), node.workers.end(), [this](WorkerPlace other) {
    const auto slots_there = all_slots_of(other);
    return std::all_of(slots_there.begin(), slots_there.end(),
                       [&](std::uint32_t slot) { return is_usable(other, slot); });
  });
  if (node.workers.empty()) --wholly_free_nodes_;
  count_gpus(node);
  worker.alive = false;
  worker.free_slots = 0;
  --alive_workers_;
  places_.erase(worker.id);
}

void SlotTable::count_busy(Node& node, bool is_busy) {
  if (is_busy && node.busy_slots++ == 0) --wholly_free_nodes_;
  if (!is_busy && --node.busy_slots == 0) ++wholly_free_nodes_;
}

void SlotTable::count_gpus(Node& node) const {
  std::set<std::uint32_t> gpus;
  for (const auto place : node.workers) {
    for (const auto& slot : workers_[place].shape.slots) gpus.insert(slot.gpus.begin(), slot.gpus.end());
  }
  node.gpus = static_cast<std::uint32_t>(gpus.size());
}

std::optional<WorkerPlace> SlotTable::find(WorkerId id) const {
  const auto it = places_.find(id);
  if (it == places_.end()) return std::nullopt;
  return it->second;
}

std::vector<std::uint32_t> SlotTable::free_of(WorkerPlace place, bool with_kept) const {
  std::vector<std::uint32_t> slots;
  const auto& worker = workers_[place];
  if (!worker.alive) return slots;
  for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
    if (occupant(place, slot) == no_step && (with_kept || !is_kept(place, slot))) slots.push_back(slot);
  }
  return slots;
}

void SlotTable::set_free(WorkerPlace place, std::uint32_t slot, bool is_free) {
  auto& worker = workers_[place];
  is_free ? ++worker.free_slots : --worker.free_slots;
  count_busy(*worker.node, !is_free);
  if (is_kept(place, slot)) return;
  auto& set = free_[static_cast<std::size_t>(kind(place, slot))];
  if (is_free) {
    set.emplace(slot, place);
  } else {
    set.erase({slot, place});
  }
}

void SlotTable::take_out_of_use(WorkerPlace place, std::uint32_t slot) {
  if (is_kept(place, slot)) unkeep();
  set_free(place, slot, false);
  occupant_[workers_[place].first_slot + slot] = out_of_use;
  --alive_slots_[static_cast<std::size_t>(kind(place, slot))];
  workers_[place].node->is_whole = false;
}

void SlotTable::occupy(WorkerPlace worker, std::span<const std::uint32_t> slots, StepIndex step, double until) {
  for (const auto slot : slots) {
    set_free(worker, slot, false);
    occupant_[workers_[worker].first_slot + slot] = step;
    until_[workers_[worker].first_slot + slot] = until;
  }
}

void SlotTable::release(WorkerPlace worker, std::span<const std::uint32_t> slots) {
  for (const auto slot : slots) {
    occupant_[workers_[worker].first_slot + slot] = no_step;
    set_free(worker, slot, true);
  }
}

std::vector<std::uint32_t> SlotTable::all_slots_of(WorkerPlace place) const {
  std::vector<std::uint32_t> slots(workers_[place].shape.slots.size());
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) slots[slot] = slot;
  return slots;
}

void SlotTable::set_kept(const SlotPlace& place, bool is_kept) {
  const auto& [worker, slot] = place;
  const bool is_free = occupant(worker, slot) == no_step;
  if (is_free) set_free(worker, slot, false);
  kept_[workers_[worker].first_slot + slot] = is_kept;
  if (is_free) set_free(worker, slot, true);
}

void SlotTable::keep(std::vector<SlotPlace> slots) {
  unkeep();
  kept_slots_ = std::move(slots);
  for (const auto& place : kept_slots_) set_kept(place, true);
}

void SlotTable::unkeep() {
  for (const auto& place : kept_slots_) set_kept(place, false);
  kept_slots_.clear();
}

bool SlotTable::keeps_any_of(WorkerPlace worker) const {
  return std::any_of(kept_slots_.begin(), kept_slots_.end(),
                     [worker](const SlotPlace& place) { return place.first == worker; });
}

std::string SlotTable::sanity_check() const {
  std::size_t expected[2] = {0, 0};
  for (WorkerPlace place = 0; place < workers_.size(); ++place) {
    const auto& worker = workers_[place];
    std::uint32_t free_slots = 0;
    for (std::uint32_t slot = 0; worker.alive && slot < worker.shape.slots.size(); ++slot) {
      if (occupant(place, slot) != no_step) continue;
      ++free_slots;
      if (is_kept(place, slot)) continue;
      ++expected[static_cast<std::size_t>(kind(place, slot))];
      if (!free(kind(place, slot)).contains({slot, place})) return "a free slot is missing from its free set";
    }
    if (free_slots != worker.free_slots) return "a worker's count of free slots is wrong";
  }
  std::uint32_t free_nodes = 0;
  for (const auto& [number, node] : nodes_) {
    std::uint32_t busy = 0;
    for (const auto place : node.workers) {
      busy += static_cast<std::uint32_t>(workers_[place].shape.slots.size()) - workers_[place].free_slots;
    }
    if (busy != node.busy_slots) return "a node's count of busy slots is wrong";
    if (busy == 0 && !node.workers.empty()) ++free_nodes;
  }
  if (free_nodes != wholly_free_nodes_) return "the count of wholly free nodes is wrong";
  for (int kind = 0; kind < 2; ++kind) {
    if (free_[kind].size() != expected[kind]) return "a free set holds a slot that is not free";
  }
  return "";
}

}  // namespace gradus
