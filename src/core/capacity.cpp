#include <map>
#include <numeric>

#include <fmt/format.h>

#include "core/slot_choice.h"
#include "gradus/scheduler.h"

namespace gradus {
namespace {

using Workers = std::vector<std::pair<WorkerId, WorkerShape>>;

bool holds(const Demand& demand, const std::vector<SlotShape>& slots) {
  std::vector<std::uint32_t> all(slots.size());
  std::iota(all.begin(), all.end(), 0U);
  return choose_slots(demand, slots, all).has_value();
}

std::map<std::uint32_t, std::vector<SlotShape>> slots_by_node(const Workers& workers) {
  std::map<std::uint32_t, std::vector<SlotShape>> nodes;
  for (const auto& [id, shape] : workers) {
    auto& slots = nodes[shape.node];
    slots.insert(slots.end(), shape.slots.begin(), shape.slots.end());
  }
  return nodes;
}

std::string asked(const Demand& demand) {
  std::string text;
  if (demand.wants_gpu)
    text = demand.gpus == 0 ? "a GPU" : fmt::format("{} GPU{}", demand.gpus, demand.gpus > 1 ? "s" : "");
  if (demand.cpus > 1) text += fmt::format("{}{} cores", text.empty() ? "" : " and ", demand.cpus);
  return text;
}

std::string reason(const Demand& demand, const Workers& workers) {
  const bool any_gpu = [&] {
    for (const auto& [id, shape] : workers) {
      for (const auto& slot : shape.slots) {
        if (!slot.gpus.empty()) return true;
      }
    }
    return false;
  }();
  if (demand.wants_gpu && !any_gpu) {
    return fmt::format("needs {}, but no slot has a GPU: give a list with --gpus", asked(demand));
  }
  for (const auto& [node, slots] : slots_by_node(workers)) {
    if (holds(demand, slots)) {
      return fmt::format("needs {}, which a node has but no single worker rank: start fewer ranks with more threads",
                         asked(demand));
    }
  }
  return fmt::format("needs {}, more than any worker has", asked(demand));
}

}  // namespace

Diagnostics check_capacity(const Graph& graph, const Workers& workers) {
  struct Misfit {
    StepIndex first;
    std::size_t count;
  };
  std::map<Demand, bool> can_hold;
  std::map<Demand, Misfit> misfits;
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    const auto demand = demand_of(graph, step);
    const auto [it, is_new] = can_hold.try_emplace(demand, false);
    if (is_new) {
      for (const auto& [id, shape] : workers) it->second = it->second || holds(demand, shape.slots);
    }
    if (!it->second) ++misfits.try_emplace(demand, Misfit{step, 0}).first->second.count;
  }
  Diagnostics mistakes;
  for (const auto& [demand, misfit] : misfits) {
    const auto more = misfit.count > 1 ? fmt::format(" (and {} more like it)", misfit.count - 1) : std::string();
    mistakes.push_back({graph.file(), graph.step(misfit.first).line, 0,
                        fmt::format("step {} {}{}", graph.name(misfit.first), reason(demand, workers), more)});
  }
  return mistakes;
}

}  // namespace gradus
