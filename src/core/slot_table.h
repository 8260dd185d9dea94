// Every slot of every worker: who occupies it, which are free, which are kept for one step.
//
// Knows: workers, nodes, slots, occupants, free sets in spreading order.
// Unaware of: the graph, the order of steps, retries, time.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/slot_choice.h"
#include "gradus/scheduler.h"

namespace gradus {

/// A worker's place in the table; dense, in order of joining.
using WorkerPlace = std::uint32_t;

class SlotTable {
 public:
  struct Worker {
    WorkerId id = 0;
    bool alive = true;
    WorkerShape shape;
    std::uint32_t first_slot = 0;  ///< table-wide number of its slot 0
    std::uint32_t free_slots = 0;  ///< free ones, kept ones included
  };
  enum class Kind : std::uint8_t { gpu, cpu };
  /// Free slots in the order in which they are handed out: first slots of all workers before second
  /// ones, so that few steps spread over many nodes. The key is (index within the worker, worker).
  using FreeSet = std::set<std::pair<std::uint32_t, WorkerPlace>>;

  /// Adds a worker with all its slots free.
  WorkerPlace join(const WorkerJoined& joined);
  /// Takes a worker and its slots out for good.
  void lose(WorkerPlace worker);
  std::optional<WorkerPlace> find(WorkerId id) const;

  const std::vector<Worker>& workers() const { return workers_; }
  const Worker& worker(WorkerPlace place) const { return workers_[place]; }
  std::uint32_t alive_workers() const { return alive_workers_; }
  std::uint32_t alive_slots(Kind kind) const { return alive_slots_[static_cast<std::size_t>(kind)]; }
  const FreeSet& free(Kind kind) const { return free_[static_cast<std::size_t>(kind)]; }
  Kind kind(WorkerPlace worker, std::uint32_t slot) const {
    return workers_[worker].shape.slots[slot].gpus.empty() ? Kind::cpu : Kind::gpu;
  }
  StepIndex occupant(WorkerPlace worker, std::uint32_t slot) const {
    return occupant_[workers_[worker].first_slot + slot];
  }
  bool is_kept(WorkerPlace worker, std::uint32_t slot) const { return kept_[workers_[worker].first_slot + slot]; }
  /// Free slots of one worker, ascending; kept ones only if `with_kept`.
  std::vector<std::uint32_t> free_of(WorkerPlace worker, bool with_kept) const;

  void occupy(WorkerPlace worker, std::span<const std::uint32_t> slots, StepIndex step);
  void release(WorkerPlace worker, std::span<const std::uint32_t> slots);

  /// Keeps these slots out of the free sets (those that are busy, as soon as they are released).
  void keep(WorkerPlace worker, std::span<const std::uint32_t> slots);
  /// Gives all kept slots back to the free sets.
  void unkeep();
  WorkerPlace keeper() const { return kept_worker_; }
  const std::vector<std::uint32_t>& kept_slots() const { return kept_slots_; }

  /// Empty, or what does not agree with the occupants.
  std::string sanity_check() const;

 private:
  void set_free(WorkerPlace worker, std::uint32_t slot, bool is_free);

  std::vector<Worker> workers_;
  std::unordered_map<WorkerId, WorkerPlace> places_;
  std::vector<StepIndex> occupant_;  // no_step: free
  std::vector<bool> kept_;
  FreeSet free_[2];
  std::uint32_t alive_slots_[2] = {0, 0};
  std::uint32_t alive_workers_ = 0;
  WorkerPlace kept_worker_ = 0;
  std::vector<std::uint32_t> kept_slots_;
};

}  // namespace gradus
