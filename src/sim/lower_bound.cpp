#include "sim/lower_bound.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "core/longest_paths.h"
#include "core/slot_choice.h"

namespace gradus {
namespace {

/// Shapes that differ only in which node they stand on are one.
std::vector<WorkerShape> distinct_shapes(const Workers& workers) {
  using Normal = std::vector<std::pair<std::vector<std::uint32_t>, std::vector<std::uint32_t>>>;
  std::set<Normal> seen;
  std::vector<WorkerShape> shapes;
  for (const auto& [id, shape] : workers) {
    std::map<std::uint32_t, std::uint32_t> gpus;
    Normal normal;
    for (const auto& slot : shape.slots) {
      auto& [slot_gpus, slot_cores] = normal.emplace_back();
      for (const auto gpu : slot.gpus) {
        slot_gpus.push_back(gpus.try_emplace(gpu, static_cast<std::uint32_t>(gpus.size())).first->second);
      }
      slot_cores = slot.cores;
    }
    if (seen.insert(std::move(normal)).second) shapes.push_back(shape);
  }
  return shapes;
}

/// The fewest slots, and GPU slots, with which any worker could serve a demand.
class FewestSlots {
 public:
  explicit FewestSlots(const Workers& workers) : shapes_(distinct_shapes(workers)) {
    std::map<std::uint32_t, SlotCounts> nodes;
    for (const auto& [id, shape] : workers) {
      const auto more = count_slots(shape);
      nodes[shape.node].gpu += more.gpu;
      nodes[shape.node].cpu += more.cpu;
    }
    for (const auto& [number, slots] : nodes) {
      if (smallest_node_.all() == 0 || slots.all() < smallest_node_.all()) smallest_node_ = slots;
    }
  }
  const SlotCounts& of(const Demand& demand) {
    const auto [it, is_new] = known_.try_emplace(demand);
    if (is_new) it->second = ask(demand);
    return it->second;
  }

 private:
  SlotCounts ask(const Demand& demand) const {
    if (demand.nodes > 0) return {smallest_node_.gpu * demand.nodes, smallest_node_.cpu * demand.nodes};
    SlotCounts fewest{std::numeric_limits<std::uint32_t>::max(), 0};
    for (const auto& shape : shapes_) {
      std::vector<std::uint32_t> all(shape.slots.size());
      std::iota(all.begin(), all.end(), 0U);
      const auto chosen = choose_slots(demand, shape.slots, all);
      if (!chosen || chosen->size() >= fewest.all()) continue;
      // One that needs no GPU may always have found other slots.
      fewest = demand.wants_gpu ? SlotCounts{chosen->size(), 0} : SlotCounts{0, chosen->size()};
    }
    return fewest;
  }

  std::vector<WorkerShape> shapes_;
  SlotCounts smallest_node_;
  std::map<Demand, SlotCounts> known_;
};

}  // namespace

SlotCounts count_slots(const WorkerShape& shape) {
  SlotCounts count;
  for (const auto& slot : shape.slots) ++(slot.gpus.empty() ? count.cpu : count.gpu);
  return count;
}

SlotCounts count_slots(const Workers& workers) {
  SlotCounts count;
  for (const auto& [id, shape] : workers) {
    const auto more = count_slots(shape);
    count.gpu += more.gpu;
    count.cpu += more.cpu;
  }
  return count;
}

LowerBound lower_bound(const Graph& graph, std::span<const float> seconds, const Workers& workers) {
  LowerBound bound;
  FewestSlots fewest(workers);
  double all_work = 0, gpu_work = 0;
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    const double s = static_cast<double>(seconds[step]);
    bound.longest_step_s = std::max(bound.longest_step_s, s);
    if (s <= 0) continue;
    const auto demand = demand_of(graph, step);
    const auto& taken = fewest.of(demand);
    all_work += s * static_cast<double>(taken.all());
    if (demand.wants_gpu) gpu_work += s * static_cast<double>(taken.gpu);
  }
  const auto slots = count_slots(workers);
  if (slots.all() > 0) bound.work_s = all_work / static_cast<double>(slots.all());
  const double by_gpu = slots.gpu > 0 ? gpu_work / static_cast<double>(slots.gpu) : 0;
  bound.by_gpu_slots = slots.cpu > 0 && by_gpu > bound.work_s;
  bound.work_s = std::max(bound.work_s, by_gpu);
  for (const auto path : longest_paths(graph, seconds)) bound.path_s = std::max(bound.path_s, double{path});
  return bound;
}

}  // namespace gradus
