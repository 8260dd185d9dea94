// The ready steps, grouped by what they ask for and where they must not go,
// each group in order.
//
// Knows: the order of steps (priority, longest path, file order) and groups of
// equal demand. Unaware of: slots, workers, time; whether a group's head can be
// placed is the caller's question.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <queue>
#include <span>
#include <vector>

#include "core/slot_choice.h"

namespace gradus {

/// Where a retry must not go, as long as there is another place.
struct Avoid {
  bool is_retry = false;             ///< what is to be avoided depends on the workers that are there
  std::vector<std::uint32_t> nodes;  ///< ascending
  std::vector<std::uint64_t> slots;  ///< (worker place << 32 | slot), ascending
  auto operator<=>(const Avoid&) const = default;
  bool is_anything() const { return !nodes.empty() || !slots.empty(); }
  bool has_node(std::uint32_t node) const { return std::binary_search(nodes.begin(), nodes.end(), node); }
  bool has_slot(std::uint64_t slot) const { return std::binary_search(slots.begin(), slots.end(), slot); }
};

class ReadyQueues {
 public:
  struct Entry {
    std::int32_t priority = 0;
    float path_s = 0;
    StepIndex step = 0;
    /// True when this one comes after `other`.
    bool operator<(const Entry& other) const {
      if (priority != other.priority) return priority < other.priority;
      if (path_s != other.path_s) return path_s < other.path_s;
      return step > other.step;
    }
  };
  struct Group {
    Demand demand;
    Avoid avoid;
    std::priority_queue<Entry> entries;
    // Where a search for a worker goes on (several slots at once are looked for
    // worker by worker).
    std::uint32_t cursor = 0;
    bool blocked = false;                ///< no worker could hold the head when last asked
    bool hopeless = false;               ///< no worker that is there could hold it if all its
                                         ///< slots were free
    std::vector<std::uint32_t> changed;  ///< workers that got a slot free since
  };

  void push(const Entry& entry, const Demand& demand, const Avoid& avoid);
  void pop(std::size_t group);
  Group& group(std::size_t number) { return groups_[number]; }
  const Group& group(std::size_t number) const { return groups_[number]; }
  std::size_t group_count() const { return groups_.size(); }
  /// The groups that have a step, in order of their heads; holds until the next push or pop.
  const std::vector<std::size_t>& in_order() const;
  /// The same, to keep while steps are taken out.
  std::vector<std::size_t> by_head() const { return in_order(); }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::size_t gpu_steps() const { return gpu_steps_; }
  /// Takes every retry out, so that it can be asked again where it may go.
  std::vector<StepIndex> take_retries();
  void slot_freed(std::uint32_t worker);
  /// Searches that found nothing may find something now (a place was given up,
  /// a worker joined).
  void unblock();
  /// A worker joined: what none could hold may now be held.
  void hope_again();

 private:
  std::map<std::pair<Demand, Avoid>, std::size_t> numbers_;
  std::vector<Group> groups_;
  // Groups with a step. They are asked for several times between two changes, so they are put in order only then.
  mutable std::vector<std::size_t> active_;
  mutable bool is_in_order_ = true;
  std::size_t size_ = 0;
  std::size_t gpu_steps_ = 0;
};

}  // namespace gradus
