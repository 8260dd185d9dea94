// Nodes that do not exist: what their ranks would report of themselves.
//
// Knows: how a user describes a machine (so many nodes, so many GPUs each).
// Unaware of: the rule by which GPUs and cores are dealt out (make_plan), steps.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/placement.h"

namespace gradus {

/// Nodes that are all alike.
struct EqualNodes {
  std::uint32_t nodes = 1;
  std::uint32_t ranks_per_node = 1;  ///< that have slots
  std::uint32_t gpus_per_node = 0;   ///< seen by all ranks of the node
  std::uint32_t cores_per_node = 0;  ///< shared by all ranks of the node; 0: none is known
  bool master_works = false;         ///< rank 0 has slots; else a rank without slots on the first node is added
};

/// As if all had been asked, by rank: ranks in order of their nodes (`--map-by slot`).
std::vector<RankReport> reports_of(const EqualNodes& machine);

}  // namespace gradus
