#include "core/slot_table.h"

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
  kept_.resize(occupant_.size(), false);
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    ++alive_slots_[static_cast<std::size_t>(kind(place, slot))];
    set_free(place, slot, true);
  }
  return place;
}

void SlotTable::lose(WorkerPlace place) {
  auto& worker = workers_[place];
  if (!worker.alive) return;
  if (!kept_slots_.empty() && kept_worker_ == place) unkeep();
  for (std::uint32_t slot = 0; slot < worker.shape.slots.size(); ++slot) {
    if (occupant(place, slot) == no_step) set_free(place, slot, false);
    occupant_[worker.first_slot + slot] = no_step;
    --alive_slots_[static_cast<std::size_t>(kind(place, slot))];
  }
  worker.alive = false;
  worker.free_slots = 0;
  --alive_workers_;
  places_.erase(worker.id);
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
  if (is_kept(place, slot)) return;
  auto& set = free_[static_cast<std::size_t>(kind(place, slot))];
  if (is_free) {
    set.emplace(slot, place);
  } else {
    set.erase({slot, place});
  }
}

void SlotTable::occupy(WorkerPlace worker, std::span<const std::uint32_t> slots, StepIndex step) {
  for (const auto slot : slots) {
    set_free(worker, slot, false);
    occupant_[workers_[worker].first_slot + slot] = step;
  }
}

void SlotTable::release(WorkerPlace worker, std::span<const std::uint32_t> slots) {
  for (const auto slot : slots) {
    occupant_[workers_[worker].first_slot + slot] = no_step;
    set_free(worker, slot, true);
  }
}

void SlotTable::keep(WorkerPlace worker, std::span<const std::uint32_t> slots) {
  unkeep();
  kept_worker_ = worker;
  kept_slots_.assign(slots.begin(), slots.end());
  for (const auto slot : slots) {
    const bool is_free = occupant(worker, slot) == no_step;
    if (is_free) set_free(worker, slot, false);
    kept_[workers_[worker].first_slot + slot] = true;
    if (is_free) set_free(worker, slot, true);
  }
}

void SlotTable::unkeep() {
  for (const auto slot : kept_slots_) {
    const bool is_free = occupant(kept_worker_, slot) == no_step;
    if (is_free) set_free(kept_worker_, slot, false);
    kept_[workers_[kept_worker_].first_slot + slot] = false;
    if (is_free) set_free(kept_worker_, slot, true);
  }
  kept_slots_.clear();
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
  for (int kind = 0; kind < 2; ++kind) {
    if (free_[kind].size() != expected[kind]) return "a free set holds a slot that is not free";
  }
  return "";
}

}  // namespace gradus
