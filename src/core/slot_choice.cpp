#include "core/slot_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace gradus {
namespace {

/// The distinct GPUs and cores of some slots.
struct Holding {
  std::set<std::uint32_t> gpus, cores;
  bool any_gpu_slot = false;

  void add(const SlotShape& slot) {
    gpus.insert(slot.gpus.begin(), slot.gpus.end());
    cores.insert(slot.cores.begin(), slot.cores.end());
    any_gpu_slot = any_gpu_slot || !slot.gpus.empty();
  }
  bool satisfies(const Demand& demand) const {
    if (demand.wants_gpu && !any_gpu_slot) return false;
    return gpus.size() >= demand.gpus && (demand.cpus <= 1 || cores.size() >= demand.cpus);
  }
};

Holding holding_of(const std::vector<SlotShape>& slots, std::span<const std::uint32_t> chosen) {
  Holding holding;
  for (const auto slot : chosen) holding.add(slots[slot]);
  return holding;
}

std::size_t count_new(const std::set<std::uint32_t>& have, const std::vector<std::uint32_t>& more) {
  std::set<std::uint32_t> fresh;
  for (const auto one : more) {
    if (!have.contains(one)) fresh.insert(one);
  }
  return fresh.size();
}

/// What can be said without telling equal GPUs and cores apart, which is most of the work.
bool could_satisfy(const Demand& demand, std::size_t gpus, std::size_t cores) {
  return gpus >= demand.gpus && (!demand.wants_gpu || gpus > 0) && (demand.cpus <= 1 || cores >= demand.cpus);
}

bool could_satisfy(const Demand& demand, const std::vector<SlotShape>& slots,
                   std::span<const std::uint32_t> candidates) {
  std::size_t gpus = 0, cores = 0;
  for (const auto slot : candidates) {
    gpus += slots[slot].gpus.size();
    cores += slots[slot].cores.size();
  }
  return could_satisfy(demand, gpus, cores);
}

std::optional<std::uint32_t> best_single(const Demand& demand, const std::vector<SlotShape>& slots,
                                         std::span<const std::uint32_t> candidates) {
  std::optional<std::uint32_t> best;
  std::tuple<std::size_t, std::size_t> best_size;
  for (const auto slot : candidates) {
    if (!could_satisfy(demand, slots[slot].gpus.size(), slots[slot].cores.size())) continue;
    Holding holding;
    holding.add(slots[slot]);
    // A slot's GPUs are worth more than its cores: a CPU-only step leaves them
    // alone when it can.
    const std::tuple size{holding.gpus.size(), holding.cores.size()};
    if (holding.satisfies(demand) && (!best || size < best_size)) {
      best = slot;
      best_size = size;
    }
  }
  return best;
}

/// What `slot` adds towards a demand that `have` does not satisfy yet: GPUs
/// first, then cores.
std::tuple<std::size_t, std::size_t> gain(const Demand& demand, const Holding& have, const SlotShape& slot) {
  const auto missing_gpus = demand.gpus > have.gpus.size() ? demand.gpus - have.gpus.size() : 0;
  const auto missing_cores = demand.cpus > have.cores.size() ? demand.cpus - have.cores.size() : 0;
  auto gpus = std::min(count_new(have.gpus, slot.gpus), missing_gpus);
  if (demand.wants_gpu && demand.gpus == 0 && !have.any_gpu_slot && !slot.gpus.empty()) gpus = 1;
  return {gpus, std::min(count_new(have.cores, slot.cores), missing_cores)};
}

void drop_superfluous(const Demand& demand, const std::vector<SlotShape>& slots, std::vector<std::uint32_t>& chosen) {
  for (std::size_t i = chosen.size(); i-- > 0 && chosen.size() > 1;) {
    auto without = chosen;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    if (holding_of(slots, without).satisfies(demand)) chosen = std::move(without);
  }
}

}  // namespace

Demand demand_of(const Graph& graph, StepIndex step) {
  const auto& options = graph.options(step);
  Demand demand;
  demand.gpus = options.gpus.value_or(0);
  demand.wants_gpu = demand.gpus > 0 || graph.step(step).has_gpu_mark;
  demand.cpus = options.cpus;
  demand.nodes = options.nodes;
  return demand;
}

std::string in_words(const Demand& demand) {
  std::string text;
  if (demand.wants_gpu) text = demand.gpus <= 1 ? "a GPU" : fmt::format("{} GPUs", demand.gpus);
  if (demand.cpus > 1) text += fmt::format("{}{} cores", text.empty() ? "" : " and ", demand.cpus);
  return text;
}

std::optional<std::vector<std::uint32_t>> choose_slots(const Demand& demand, const std::vector<SlotShape>& slots,
                                                       std::span<const std::uint32_t> candidates) {
  if (candidates.empty())
    return std::nullopt;  // else one that asks for nothing would be given
                          // nothing
  if (!could_satisfy(demand, slots, candidates)) return std::nullopt;
  if (const auto single = best_single(demand, slots, candidates)) return std::vector{*single};
  std::vector<std::uint32_t> chosen;
  std::vector<std::uint32_t> left(candidates.begin(), candidates.end());
  Holding holding;
  while (!holding.satisfies(demand)) {
    const auto best = std::max_element(left.begin(), left.end(), [&](std::uint32_t a, std::uint32_t b) {
      return gain(demand, holding, slots[a]) < gain(demand, holding, slots[b]);
    });
    if (best == left.end() || gain(demand, holding, slots[*best]) == std::tuple<std::size_t, std::size_t>{0, 0}) {
      return std::nullopt;
    }
    chosen.push_back(*best);
    holding.add(slots[*best]);
    left.erase(best);
  }
  std::sort(chosen.begin(), chosen.end());
  drop_superfluous(demand, slots, chosen);
  return chosen;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> gpus_taken(const Demand& demand,
                                                                const std::vector<SlotShape>& slots,
                                                                std::span<const std::uint32_t> chosen) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> taken;
  if (!demand.wants_gpu) return taken;
  if (demand.nodes == 0 && chosen.size() == 1) {
    // Most steps. Which GPUs they are is not looked at: on 100,000 slots each look would be a wait for memory.
    const auto there = static_cast<std::uint32_t>(slots[chosen.front()].gpus.size());
    const auto count = demand.gpus > 0 ? std::min(demand.gpus, there) : there;
    for (std::uint32_t i = 0; i < count; ++i) taken.emplace_back(chosen.front(), i);
    return taken;
  }
  std::vector<std::uint32_t> seen;  // few
  for (const auto slot : chosen) {
    const auto& gpus = slots[slot].gpus;
    for (std::uint32_t i = 0; i < gpus.size(); ++i) {
      if (demand.nodes == 0 && demand.gpus > 0 && seen.size() == demand.gpus) return taken;
      if (std::find(seen.begin(), seen.end(), gpus[i]) != seen.end()) continue;
      seen.push_back(gpus[i]);
      taken.emplace_back(slot, i);
    }
    if (demand.nodes == 0 && demand.gpus == 0 && !taken.empty()) return taken;
  }
  return taken;
}

}  // namespace gradus
