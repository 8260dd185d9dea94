// Every slot of every worker: who occupies it, which are free, which are kept for one step.
//
// Knows: workers, nodes, slots, occupants, free sets in spreading order, wholly free nodes.
// Unaware of: the graph, the order of steps, retries, time.
#pragma once

#include <cstdint>
#include <map>
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
/// A slot: its worker and its index there.
using SlotPlace = std::pair<WorkerPlace, std::uint32_t>;

class SlotTable {
 public:
  SlotTable() = default;
  SlotTable(const SlotTable&) = delete;  // workers know their nodes by address
  SlotTable& operator=(const SlotTable&) = delete;

  struct Node {
    std::vector<WorkerPlace> workers;  ///< that are alive, ascending
    std::uint32_t gpus = 0;            ///< distinct ones of all their slots
    std::uint32_t busy_slots = 0;
    bool is_whole = true;  ///< no slot is out of use
  };
  struct Worker {
    WorkerId id = 0;
    bool alive = true;
    WorkerShape shape;
    std::uint32_t first_slot = 0;  ///< table-wide number of its slot 0
    std::uint32_t free_slots = 0;  ///< free ones, kept ones included
    Node* node = nullptr;          ///< in nodes(), which never forgets one
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
  Kind kind(WorkerPlace worker, std::uint32_t slot) const { return kind_[workers_[worker].first_slot + slot]; }
  StepIndex occupant(WorkerPlace worker, std::uint32_t slot) const {
    return occupant_[workers_[worker].first_slot + slot];
  }
  bool is_kept(WorkerPlace worker, std::uint32_t slot) const { return kept_[workers_[worker].first_slot + slot]; }
  /// Free slots of one worker, ascending; kept ones only if `with_kept`.
  std::vector<std::uint32_t> free_of(WorkerPlace worker, bool with_kept) const;

  /// Takes a free slot out of use for good.
  void take_out_of_use(WorkerPlace worker, std::uint32_t slot);
  bool is_usable(WorkerPlace worker, std::uint32_t slot) const { return occupant(worker, slot) != out_of_use; }

  /// `until` is when it is expected to release them.
  void occupy(WorkerPlace worker, std::span<const std::uint32_t> slots, StepIndex step, double until);
  /// Of an occupied slot.
  double occupied_until(WorkerPlace worker, std::uint32_t slot) const {
    return until_[workers_[worker].first_slot + slot];
  }
  void release(WorkerPlace worker, std::span<const std::uint32_t> slots);

  /// The occupant of a slot that was taken out of use.
  static constexpr StepIndex out_of_use = no_step - 1;

  /// By the nodes' numbers; those that lost their last worker have none.
  const std::map<std::uint32_t, Node>& nodes() const { return nodes_; }
  /// How many nodes have workers and no occupied slot (kept ones included).
  std::uint32_t wholly_free_nodes() const { return wholly_free_nodes_; }
  std::vector<std::uint32_t> all_slots_of(WorkerPlace worker) const;

  /// Keeps these slots, and only these, out of the free sets (those that are busy, as soon as they are released).
  void keep(std::vector<SlotPlace> slots);
  /// Gives all kept slots back to the free sets.
  void unkeep();
  const std::vector<SlotPlace>& kept_slots() const { return kept_slots_; }
  bool keeps_any_of(WorkerPlace worker) const;

  /// Empty, or what does not agree with the occupants.
  std::string sanity_check() const;

 private:
  void set_free(WorkerPlace worker, std::uint32_t slot, bool is_free);
  void set_kept(const SlotPlace& place, bool is_kept);
  void count_busy(Node& node, bool is_busy);
  void count_gpus(Node& node) const;

  std::vector<Worker> workers_;
  std::unordered_map<WorkerId, WorkerPlace> places_;
  std::vector<StepIndex> occupant_;  // no_step: free
  std::vector<Kind> kind_;
  std::vector<double> until_;
  std::vector<bool> kept_;
  FreeSet free_[2];
  std::uint32_t alive_slots_[2] = {0, 0};
  std::uint32_t alive_workers_ = 0;
  std::map<std::uint32_t, Node> nodes_;
  std::uint32_t wholly_free_nodes_ = 0;
  std::vector<SlotPlace> kept_slots_;
};

}  // namespace gradus
