#include <algorithm>
#include <map>
#include <numeric>
#include <set>

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

std::uint32_t nodes_that_suit(const Demand& demand, const Workers& workers) {
  std::uint32_t count = 0;
  for (const auto& [node, slots] : slots_by_node(workers)) {
    std::set<std::uint32_t> gpus;
    for (const auto& slot : slots) gpus.insert(slot.gpus.begin(), slot.gpus.end());
    if (node_will_do(demand, gpus.size())) ++count;
  }
  return count;
}

bool any_worker_holds(const Demand& demand, const Workers& workers) {
  if (demand.nodes > 0) return nodes_that_suit(demand, workers) >= demand.nodes;
  return std::any_of(workers.begin(), workers.end(),
                     [&](const auto& worker) { return holds(demand, worker.second.slots); });
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
    return fmt::format("needs {}, but no slot has a GPU: give a list with --gpus", in_words(demand));
  }
  if (demand.nodes > 0) {
    const auto there = nodes_that_suit(demand, workers);
    return fmt::format("needs {} node{}{}, and the run has slots on {} such node{}{}", demand.nodes,
                       demand.nodes > 1 ? "s" : "", demand.wants_gpu ? " with " + in_words(demand) + " each" : "",
                       there, there == 1 ? "" : "s",
                       workers.size() == 1 ? ": start it with mpirun or srun over more" : "");
  }
  for (const auto& [node, slots] : slots_by_node(workers)) {
    if (holds(demand, slots)) {
      return fmt::format("needs {}, which a node has but no single worker rank: start fewer ranks with more threads",
                         in_words(demand));
    }
  }
  return fmt::format("needs {}, more than any worker has", in_words(demand));
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
      it->second = any_worker_holds(demand, workers);
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

void note_spare_gpus(const Graph& graph, const Workers& workers, std::vector<std::string>& notes) {
  std::map<Demand, StepIndex> demands;  // with the first step of each
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    if (graph.options(step).gpus.value_or(0) > 0) demands.try_emplace(demand_of(graph, step), step);
  }
  for (const auto& [demand, first] : demands) {
    if (demand.nodes > 0 || demand.cpus > 1) continue;  // where cores decide, GPUs idle for them
    for (const auto& [id, shape] : workers) {
      std::vector<std::uint32_t> all(shape.slots.size());
      std::iota(all.begin(), all.end(), 0U);
      const auto chosen = choose_slots(demand, shape.slots, all);
      if (!chosen) continue;
      std::set<std::uint32_t> gpus;
      for (const auto slot : *chosen) gpus.insert(shape.slots[slot].gpus.begin(), shape.slots[slot].gpus.end());
      if (gpus.size() <= demand.gpus) continue;
      notes.push_back(fmt::format(
          "step {} takes {} of the {} of its slot{}: {} idle{} meanwhile; more slots (--threads) have fewer each",
          graph.name(first), in_words(demand), gpus.size(), chosen->size() > 1 ? "s" : "", gpus.size() - demand.gpus,
          gpus.size() - demand.gpus == 1 ? "s" : ""));
      break;
    }
  }
}

}  // namespace gradus
