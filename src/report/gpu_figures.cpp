#include "report/gpu_figures.h"

#include <algorithm>
#include <unordered_map>

#include "gradus/durations.h"
#include "run/gpu_advice.h"

namespace gradus {
namespace {

/// Of the latest life, as far as its journal tells.
Plan plan_of(const LifeStory& life) {
  Plan plan;
  for (const auto& [id, worker] : life.workers) {
    PlannedRank rank;
    rank.rank = id;
    rank.node = worker.record.node;
    for (const auto& slot : worker.record.slots) {
      PlannedSlot planned;
      planned.slot = slot.slot;
      planned.rank = id;
      planned.cpu_only = slot.gpus.empty();
      for (const auto& gpu : slot.gpus) planned.gpus.push_back({"", "", gpu, "", ""});
      rank.slots.push_back(std::move(planned));
    }
    plan.ranks.push_back(std::move(rank));
  }
  return plan;
}

SlotLayout layout_of(const LifeStory& life) {
  const auto says = [&](const char* word) {
    return std::any_of(life.argv.begin(), life.argv.end(),
                       [&](const std::string& one) { return one.find(word) != std::string::npos; });
  };
  SlotLayout layout;
  layout.master_is_a_thread = life.workers.size() == 1 && life.workers.begin()->first == 0 && !says("--master-works");
  layout.list_says_who_shares = says("|");
  layout.exclusive = says("exclusive");
  return layout;
}

struct Sums {
  GpuFigures::OfShape figures;
  MeanGpuBusy busy;
};

void take(const GpuUse& use, double held_s, Sums& sums) {
  sums.busy.add(use, held_s);
  sums.figures.memory_mib = std::max(sums.figures.memory_mib, use.memory_mib);
}

}  // namespace

GpuFigures gpu_figures_of(const RunStory& story) {
  GpuUseOfRun all;
  std::unordered_map<std::uint64_t, Sums> by_shape;
  for (std::uint32_t attempt = 0; attempt < story.attempts(); ++attempt) {
    const auto& row = story.row(attempt);
    const auto& use = row.usage.gpu;
    if (use.samples == 0 && use.memory_mib == 0) continue;
    all.ended(use, row.seconds());
    const auto step = story.steps.in_graph(story.steps.of_attempt(attempt));
    if (step == no_step) continue;
    const auto command = story.graph->step(step).command;
    auto& sums = by_shape[command_shape(command)];
    if (sums.figures.shape.empty()) sums.figures.shape = command_shape_text(command);
    take(use, row.seconds(), sums);
  }
  GpuFigures figures;
  figures.is_known = all.is_known();
  if (!figures.is_known) return figures;
  if (all.samples() > 0) figures.busy = all.busy();
  figures.text = all.text();
  const auto& life = story.chronicle.lives().back();
  figures.advice = all.advice(plan_of(life), layout_of(life));
  for (auto& [shape, sums] : by_shape) {
    sums.figures.samples = sums.busy.samples();
    if (sums.figures.samples > 0) sums.figures.busy = sums.busy.mean();
    figures.by_shape.push_back(std::move(sums.figures));
  }
  std::sort(figures.by_shape.begin(), figures.by_shape.end(), [](const auto& a, const auto& b) {
    return a.samples != b.samples ? a.samples > b.samples : a.shape < b.shape;
  });
  return figures;
}

}  // namespace gradus
