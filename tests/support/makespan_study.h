// How long a workload takes on so many equal slots, by whom it is ordered.
//
// Knows: list scheduling by any order, and how to ask the real scheduler.
// Unaware of: what the numbers are held against.
#pragma once

#include <cstdint>
#include <vector>

#include "support/workloads.h"

namespace gradus::support {

/// In every moment each free slot takes the ready step that comes first in `order` (a rank by step; lower is
/// earlier). Seconds until all have ended. Code of its own, for comparison with ours.
double list_schedule(const Workload& work, std::uint32_t slots, const std::vector<std::uint32_t>& order);

/// File order; and highest level first with estimated times (HLFET), the estimates being the truth.
std::vector<std::uint32_t> file_order(const Workload& work);
std::vector<std::uint32_t> highest_level_first(const Workload& work);

/// Our scheduler and run loop in the simulated cluster, on one worker with so many slots.
double our_makespan(const Workload& work, Knowledge knowledge, std::uint32_t slots);
/// max(total/slots, longest chain).
double best_possible(const Workload& work, std::uint32_t slots);

}  // namespace gradus::support
