// What waits behind the running step of each slot.
//
// Knows: which slots run a step that others may wait behind, and which do, in order.
// Unaware of: durations and times, which step may wait where, who occupies a slot.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/slot_table.h"

namespace gradus {

class SlotQueues {
 public:
  using Kind = SlotTable::Kind;
  struct Queue {
    Kind kind = Kind::cpu;
    bool is_open = false;
    std::deque<StepIndex> waiting;
  };

  /// From now on steps may be sent there to wait.
  void open(const SlotPlace& place, Kind kind);
  /// No more; those that wait there stay.
  void close(const SlotPlace& place);
  /// The open slot of that kind behind which the fewest wait; of equals the one that would also be handed out first
  /// (SlotTable::FreeSet). Nothing when none is open.
  std::optional<SlotPlace> shortest(Kind kind) const;
  std::size_t length(const SlotPlace& place) const;
  void push(const SlotPlace& place, StepIndex step);
  /// The one that has waited longest there is next.
  std::optional<StepIndex> pop(const SlotPlace& place);
  void remove(const SlotPlace& place, StepIndex step);
  /// How many wait, everywhere.
  std::size_t size() const { return size_; }
  /// Open slots, and those behind which something waits.
  const std::map<SlotPlace, Queue>& all() const { return queues_; }

 private:
  using Entry = std::tuple<std::size_t, std::uint32_t, WorkerPlace>;  // length, slot, worker
  std::set<Entry>& open_ones(Kind kind) { return open_[static_cast<std::size_t>(kind)]; }
  static Entry entry(const SlotPlace& place, std::size_t length) { return {length, place.second, place.first}; }
  /// Changes a queue and keeps the set of the open ones right.
  template <class Change>
  void change(const SlotPlace& place, const Change& change);

  std::map<SlotPlace, Queue> queues_;
  std::set<Entry> open_[2];
  std::size_t size_ = 0;
};

}  // namespace gradus
