// What other numbers of nodes like this run's would have made of it.
//
// Knows: the nodes that this run had and the durations that it really took; asks the simulator (sim/).
// Unaware of: failures: every step takes what it took when it succeeded.
#pragma once

#include <cstdint>

#include "report/run_story.h"
#include "sim/lower_bound.h"
#include "sim/node_sweep.h"

namespace gradus {

struct NodeTable {
  NodeSweep sweep;             ///< empty: not asked, see why_not
  std::uint32_t this_run = 0;  ///< nodes
  const char* why_not = "";
};
/// The latest life's nodes; more of them are like these, in turn. `most_steps`: above it nothing is asked, since it
/// would take minutes. `graph` is the story's, shared.
NodeTable node_table_of(const RunStory& story, const std::shared_ptr<const Graph>& graph, std::size_t most_steps);

/// `nodes` nodes like those of the life, which are taken in turn.
Workers workers_like(const LifeStory& life, std::uint32_t nodes);

}  // namespace gradus
