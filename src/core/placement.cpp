#include "gradus/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "core/node_placement.h"

namespace gradus {
namespace {

void say(std::vector<std::string>& notes, const std::vector<std::string>& cases, const std::string& advice) {
  if (cases.empty()) return;
  const auto more = cases.size() > 1 ? fmt::format(" (and {} more like it)", cases.size() - 1) : "";
  notes.push_back(cases.front() + more + advice);
}

void note_absent_hosts(const std::vector<RankReport>& reports, const PlacementOptions& options, Plan& plan) {
  for (const auto& one : options.list.hosts) {
    const bool here = std::any_of(reports.begin(), reports.end(),
                                  [&](const RankReport& report) { return same_host(report.host, one.host); });
    if (options.use_gpu && !here)
      plan.notes.push_back(fmt::format("the GPU list names host {}, which takes no part", one.host));
  }
}

/// The plan's ranks, by rank, with nodes numbered in order of their lowest rank.
std::vector<PlannedRank> planned_ranks(const std::vector<const RankReport*>& reports) {
  std::map<std::uint32_t, std::uint32_t> dense;
  std::vector<PlannedRank> ranks;
  for (const auto* report : reports) {
    PlannedRank rank;
    rank.rank = report->rank;
    rank.host = report->host;
    rank.node = dense.try_emplace(report->node, static_cast<std::uint32_t>(dense.size())).first->second;
    rank.local_rank = report->local_rank;
    rank.has_slots = report->has_slots;
    rank.gpu_source = report->gpu_source;
    rank.gpu_vendor = report->gpu_vendor;
    ranks.push_back(std::move(rank));
  }
  return ranks;
}

}  // namespace

const char* visible_devices_variable(GpuVendor vendor) {
  switch (vendor) {
    case GpuVendor::nvidia: return "CUDA_VISIBLE_DEVICES";
    case GpuVendor::amd_rocr: return "ROCR_VISIBLE_DEVICES";
    case GpuVendor::amd_hip: return "HIP_VISIBLE_DEVICES";
    case GpuVendor::intel: return "ZE_AFFINITY_MASK";
  }
  return "CUDA_VISIBLE_DEVICES";
}

bool Plan::any_gpu() const {
  return std::any_of(ranks.begin(), ranks.end(), [](const PlannedRank& rank) {
    return std::any_of(rank.slots.begin(), rank.slots.end(),
                       [](const PlannedSlot& slot) { return !slot.gpus.empty(); });
  });
}

std::size_t Plan::slot_count() const {
  return std::accumulate(ranks.begin(), ranks.end(), std::size_t{0},
                         [](std::size_t sum, const PlannedRank& rank) { return sum + rank.slots.size(); });
}

std::vector<std::uint32_t> entries_of_slot(std::uint32_t count, std::uint32_t slots, std::uint32_t slot,
                                           GpuSharing sharing) {
  if (count == 0 || slot >= slots) return {};
  if (count < slots) {
    if (sharing == GpuSharing::exclusive && slot >= count) return {};
    return {slot % count};
  }
  const auto least = count / slots, larger = count % slots;
  const auto begin = slot * least + std::min(slot, larger);
  std::vector<std::uint32_t> part(least + (slot < larger ? 1 : 0));
  std::iota(part.begin(), part.end(), begin);
  return part;
}

Plan make_plan(const std::vector<RankReport>& reports, const PlacementOptions& options) {
  std::vector<const RankReport*> by_rank;
  for (const auto& report : reports) by_rank.push_back(&report);
  std::sort(by_rank.begin(), by_rank.end(), [](const RankReport* a, const RankReport* b) { return a->rank < b->rank; });
  Plan plan;
  plan.ranks = planned_ranks(by_rank);
  std::map<std::uint32_t, std::pair<std::vector<const RankReport*>, std::vector<PlannedRank*>>> nodes;
  for (std::size_t i = 0; i < by_rank.size(); ++i) {
    auto& [of_node, planned] = nodes[plan.ranks[i].node];
    of_node.push_back(by_rank[i]);
    planned.push_back(&plan.ranks[i]);
  }
  PlacementRemarks remarks;
  for (auto& [node, ranks] : nodes) {
    NodePlacement(std::move(ranks.first), std::move(ranks.second), options, plan.mistakes, remarks).deal();
  }
  if (plan.slot_count() == 0 && plan.mistakes.empty()) {
    plan.mistakes.push_back(
        {"", 0, 0, "no rank has a slot: start more ranks, or let rank 0 run steps with --master-works"});
  }
  std::uint32_t next = 0;
  for (auto& rank : plan.ranks) {
    for (auto& slot : rank.slots) slot.slot = next++;
  }
  say(plan.notes, remarks.sharing,
      options.sharing == GpuSharing::exclusive ? "" : "; --gpu-sharing exclusive gives each GPU to one slot only");
  say(plan.notes, remarks.idle, "");
  say(plan.notes, remarks.blind, "");
  say(plan.notes, remarks.few_cores, "");
  say(plan.notes, remarks.bound, ": start mpirun with --bind-to none");
  say(plan.notes, remarks.overlap,
      ": steps there may share cores; give the ranks of a node the same cores, or to each its own");
  note_absent_hosts(reports, options, plan);
  return plan;
}

}  // namespace gradus
