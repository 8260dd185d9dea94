// How busy the slots of each node were.
//
// Knows: which slots were there since when, and which attempts held them for how long.
// Unaware of: outcomes, and how the numbers are told.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gradus/placement.h"
#include "gradus/scheduler.h"

namespace gradus {

/// Slots of one kind on one node, in slot-seconds.
struct SlotSeconds {
  std::uint32_t slots = 0;
  double busy_s = 0;       ///< an attempt held the slot (the idle slots of a multi-slot step are held, too)
  double available_s = 0;  ///< since its worker joined, until it was lost
  double busy_share() const { return available_s > 0 ? busy_s / available_s : 0; }
  SlotSeconds& operator+=(const SlotSeconds& other);
};

struct NodeUse {
  std::string host;
  SlotSeconds gpu, cpu;  ///< slots with a GPU, slots without
};

/// Times are the run loop's `now`. Memory grows with workers and live attempts only.
class SlotUse {
 public:
  explicit SlotUse(const Plan& plan) : plan_(plan) {}

  void joined(WorkerId worker, double now);
  void lost(WorkerId worker, double now);
  void launched(const LaunchAttempt& launch, double now);
  /// The slots are free again. Returns for how long they were held, or -1 when no such attempt was live
  /// (a late or doubled message).
  double freed(StepIndex step, std::uint32_t attempt, WorkerId worker, double now);

  /// True when there were workers and all are lost.
  bool no_worker_left() const;
  /// One for each node that had slots here, up to `now`, by node.
  std::vector<NodeUse> by_node(double now) const;

 private:
  struct Presence {
    double since, until;
  };
  struct Live {
    std::uint32_t attempt;
    WorkerId worker;
    double since;
    std::uint32_t gpu_slots, cpu_slots;
    std::vector<WorkerId> with;
    std::uint32_t first_slot = 0;
  };
  struct Busy {
    double gpu_s = 0, cpu_s = 0;
  };

  const Plan& plan_;
  std::map<WorkerId, Presence> present_;
  std::map<WorkerId, Busy> busy_;
  std::map<StepIndex, Live> live_;
  std::map<std::pair<WorkerId, std::uint32_t>, double> free_since_;  // by slot
};

}  // namespace gradus
