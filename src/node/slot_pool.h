// The slots of one rank.
//
// Knows: its slots, and one thread that watches their deadlines.
// Unaware of: the graph and the scheduler; a worker rank is this pool plus a message pump.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "node/guardian.h"
#include "node/inbox.h"
#include "node/slot.h"

namespace gradus {

class SlotPool {
 public:
  /// One thread per slot of `rank`. `environment`, `guardian` and `inbox` must outlive the pool.
  SlotPool(PlannedRank rank, RunSettings settings, const StepEnvironment& environment, Guardian& guardian,
           Inbox& inbox);
  /// Ends by KILL what still runs.
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  /// The owner's thread only. An order that names a slot that is not there is answered with could_not_start.
  void launch(AttemptOrder order);
  void kill(std::uint32_t step, std::uint32_t attempt, bool at_once);
  /// Drops an order that has not begun; its end is then told as cancelled.
  void call_back(std::uint32_t step, std::uint32_t attempt);
  /// While orders wait at slots, the thread that takes ends out of the inbox is not woken for each: it may not sleep
  /// for longer than lazy_nap_s, and nobody waits for it.
  bool ends_come_quietly() const;
  void kill_all(bool at_once);
  /// True while any slot runs a step or has one queued.
  bool busy();

 private:
  void watch_deadlines();
  void make_room_for_descriptors();

  Inbox& inbox_;
  Inbox watch_;  // wakes the watching thread; nothing is ever put in
  std::atomic<bool> closing_{false};
  rlimit descriptors_{};  // as the steps are to have it
  Leftovers leftovers_;
  LookedFor looked_for_;
  std::unique_ptr<OutputPack> pack_;
  std::atomic<int> running_{0};
  std::atomic<int> waiting_{0};
  SlotSurroundings around_;
  std::unique_ptr<GpuSampler> sampler_;  // before the slots: they tell it what runs
  std::vector<std::unique_ptr<Slot>> slots_;
  std::thread watcher_;
};

}  // namespace gradus
