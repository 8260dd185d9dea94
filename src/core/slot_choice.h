// Which free slots of one worker an attempt takes.
//
// Knows: what a step asks for (GPUs, cores) and what slots hold.
// Unaware of: the graph, time, which slots are free (the caller passes those), retries and reservations.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradus/graph.h"
#include "gradus/scheduler.h"

namespace gradus {

/// What a step asks of a worker.
struct Demand {
  bool wants_gpu = false;
  std::uint32_t gpus = 0;   ///< distinct GPUs; 0 with wants_gpu: one GPU slot and all its GPUs
  std::uint32_t cpus = 0;   ///< distinct cores; 0 or 1: whatever one slot has
  std::uint32_t nodes = 0;  ///< whole nodes, each with at least `gpus` GPUs; 0: slots of one worker
  auto operator<=>(const Demand&) const = default;

  /// True when any one slot of the right kind will do.
  bool is_any_slot() const { return gpus == 0 && cpus <= 1 && nodes == 0; }
};

/// Whether a node with so many distinct GPUs in its slots will do for a step over nodes.
inline bool node_will_do(const Demand& demand, std::size_t gpus) {
  return !demand.wants_gpu || gpus >= std::max(1U, demand.gpus);
}

Demand demand_of(const Graph& graph, StepIndex step);
/// The GPUs and cores of it in words: `2 GPUs and 4 cores`; empty when it wants neither.
std::string in_words(const Demand& demand);

/// The smallest set of `candidates` (indices into `slots`) that satisfies the demand, ascending, with the
/// least to spare when one slot is enough; nullopt when all together do not.
std::optional<std::vector<std::uint32_t>> choose_slots(const Demand& demand, const std::vector<SlotShape>& slots,
                                                       std::span<const std::uint32_t> candidates);

/// The GPUs an attempt gets on the chosen slots, as (slot, index into its gpus), lowest entries first.
std::vector<std::pair<std::uint32_t, std::uint32_t>> gpus_taken(const Demand& demand,
                                                                const std::vector<SlotShape>& slots,
                                                                std::span<const std::uint32_t> chosen);

}  // namespace gradus
