#include "core/node_placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/core_shares.h"

namespace gradus {
namespace {

std::set<std::string> identities(const RankReport& report) {
  std::set<std::string> all;
  for (const auto& gpu : report.gpus) all.insert(gpu.identity);
  return all;
}

const char* plural(std::size_t count) { return count == 1 ? "" : "s"; }

/// A slot's own repeats collapse.
void give(PlannedSlot& slot, const SlotGpu& gpu) {
  const bool has_it =
      std::any_of(slot.gpus.begin(), slot.gpus.end(), [&](const SlotGpu& one) { return one.identity == gpu.identity; });
  if (!has_it) slot.gpus.push_back(gpu);
}

}  // namespace

NodePlacement::NodePlacement(std::vector<const RankReport*> reports, std::vector<PlannedRank*> ranks,
                             const PlacementOptions& options, Diagnostics& mistakes, PlacementRemarks& remarks)
    : reports_(std::move(reports)), options_(options), mistakes_(mistakes), remarks_(remarks) {
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    if (reports_[i]->has_slots) workers_.push_back({reports_[i], ranks[i], {}});
  }
  std::sort(workers_.begin(), workers_.end(),
            [](const Worker& a, const Worker& b) { return a.report->local_rank < b.report->local_rank; });
  static const HostGpuList none{HostGpuList::Kind::none, {}, {}};
  list_ = options.use_gpu ? options.list.for_host(host()) : &none;
}

void NodePlacement::deal() {
  if (list_ == nullptr) {
    if (workers_.empty()) return;  // only the master is here, and it runs no steps
    mistakes_.push_back({options_.list_origin, 0, 0,
                         fmt::format("no part of the GPU list is for host {}: add '{}=…' or '*=…'", host(), host())});
    return;
  }
  const auto before = mistakes_.size();
  resolve();
  if (!form_parties() || mistakes_.size() > before) return;
  make_slots();
  if (list_->kind == HostGpuList::Kind::groups) {
    deal_groups();
  } else {
    for (const auto& party : parties_) deal_list(party);
  }
  deal_cores();
  note_idle();
}

void NodePlacement::resolve() {
  for (auto& worker : workers_) {
    const auto& doubt = worker.report->gpu_doubt;
    GpuResolver resolver(*worker.report, options_, mistakes_);
    if (list_->kind == HostGpuList::Kind::automatic && !doubt.empty()) {
      mistake(": " + doubt);
      return;  // one rank of the node says it
    }
    if (list_->kind == HostGpuList::Kind::automatic) worker.entries = resolver.all_visible();
    if (list_->kind == HostGpuList::Kind::ids) worker.entries = resolver.of(list_->ids);
  }
}

/// Ranks with the same devices belong together. One device that ranks with different sets see is neither
/// shared out nor kept apart by any rule: a mistake.
bool NodePlacement::form_parties() {
  std::map<std::set<std::string>, std::size_t> numbers;
  std::map<std::string, std::size_t> owner;  // identity to party
  for (auto& worker : workers_) {
    const auto set = identities(*worker.report);
    const auto [it, is_new] = numbers.try_emplace(set, parties_.size());
    if (is_new) parties_.emplace_back();
    parties_[it->second].push_back(&worker);
    for (const auto& identity : set) {
      const auto party = owner.try_emplace(identity, it->second).first->second;
      if (party == it->second || list_->kind == HostGpuList::Kind::none) continue;
      mistake(
          fmt::format(": ranks {} and {} see partly the same GPUs, so that neither sharing out nor keeping apart is "
                      "right: give the ranks of a node the same GPUs (the same CUDA_VISIBLE_DEVICES; under SLURM "
                      "--gpus-per-node=N and --gpu-bind=none, or mpirun), or to each its own (--gpus-per-task=1)",
                      parties_[party].front()->report->rank, worker.report->rank));
      return false;
    }
  }
  if (list_->kind == HostGpuList::Kind::automatic && parties_.size() > 1 && numbers.contains({})) {
    const auto blind = parties_[numbers.at({})].front()->report->rank;
    remarks_.blind.push_back(fmt::format("on {} rank {} sees no GPU, though others there do", host(), blind));
  }
  return std::all_of(parties_.begin(), parties_.end(),
                     [this](const Party& party) { return means_the_same_to_all(party); });
}

/// The same position must not be another device on another rank that sees the same ones.
bool NodePlacement::means_the_same_to_all(const Party& party) {
  if (list_->kind == HostGpuList::Kind::none || list_->kind == HostGpuList::Kind::automatic) return true;
  const auto& first = *party.front();
  for (const auto* worker : party) {
    const auto& here = worker->report->gpus;
    const auto& there = first.report->gpus;
    for (std::size_t i = 0; i < here.size() && i < there.size(); ++i) {
      if (here[i].identity == there[i].identity) continue;
      mistake(fmt::format(
          ": GPU {} of {} is another device on rank {} than on rank {}: give all ranks of the node the same "
          "visible-devices variable, or use auto",
          i, options_.list_origin, worker->report->rank, first.report->rank));
      return false;
    }
  }
  return true;
}

std::size_t NodePlacement::entry_count() const {
  if (list_->kind == HostGpuList::Kind::groups) return list_->groups.size();
  std::size_t count = 0;
  for (const auto& party : parties_) count += party.front()->entries.size();
  return count;
}

std::uint32_t NodePlacement::slots_per_rank() const {
  if (options_.threads > 0) return options_.threads;
  const auto entries = static_cast<std::uint32_t>(entry_count());
  if (options_.alone) {
    return entries > 0 ? entries : static_cast<std::uint32_t>(std::max<std::size_t>(1, reports_.front()->cores.size()));
  }
  const auto ranks = static_cast<std::uint32_t>(workers_.size());
  return std::max(1U, (entries + ranks - 1) / ranks);
}

void NodePlacement::make_slots() {
  for (auto& worker : workers_) {
    const auto gpu_slots = slots_per_rank();
    for (std::uint32_t i = 0; i < gpu_slots + options_.cpu_slots; ++i) {
      PlannedSlot slot;
      slot.rank = worker.report->rank;
      slot.thread = i + 1;
      slot.cpu_only = i >= gpu_slots;
      worker.planned->slots.push_back(std::move(slot));
    }
  }
}

/// The slots under the GPU rule, in order of (local rank, thread).
std::vector<PlannedSlot*> NodePlacement::gpu_slots(const Party& party) const {
  std::vector<PlannedSlot*> slots;
  for (const auto* worker : party) {
    for (auto& slot : worker->planned->slots) {
      if (!slot.cpu_only) slots.push_back(&slot);
    }
  }
  return slots;
}

/// One list for the party; each slot knows its GPUs as its own rank does.
void NodePlacement::deal_list(const Party& party) {
  const auto& list = party.front()->entries;
  const auto slots = gpu_slots(party);
  note_sharing(list.size(), slots.size());
  std::uint32_t i = 0;
  for (const auto* worker : party) {
    std::map<std::string, const SlotGpu*> own;
    for (const auto& entry : worker->entries) own[entry.identity] = &entry;
    for (auto& slot : worker->planned->slots) {
      if (slot.cpu_only) continue;
      for (const auto e : entries_of_slot(static_cast<std::uint32_t>(list.size()),
                                          static_cast<std::uint32_t>(slots.size()), i, options_.sharing)) {
        give(slot, *own.at(list[e].identity));
      }
      ++i;
    }
  }
}

void NodePlacement::deal_groups() {
  if (workers_.empty()) return;
  Party all;
  for (auto& worker : workers_) all.push_back(&worker);
  const auto count = gpu_slots(all).size();
  if (count != list_->groups.size()) {
    mistakes_.push_back({options_.list_origin, 0, 0,
                         fmt::format("{} GPU groups for the {} slots of host {}: there must be one group for each slot",
                                     list_->groups.size(), count, host())});
    return;
  }
  std::size_t next = 0;
  for (auto& worker : workers_) {
    GpuResolver resolver(*worker.report, options_, mistakes_);
    for (auto& slot : worker.planned->slots) {
      if (slot.cpu_only) continue;
      for (const auto& gpu : resolver.of(list_->groups[next++])) give(slot, gpu);
    }
  }
}

void NodePlacement::note_sharing(std::size_t entries, std::size_t slots) {
  if (entries == 0 || entries >= slots) return;
  const bool exclusive = options_.sharing == GpuSharing::exclusive;
  remarks_.sharing.push_back(
      exclusive ? fmt::format("on {} only {} of {} slots have a GPU", host(), entries, slots)
                : fmt::format("on {} {} slots share {} GPU{}", host(), slots, entries, plural(entries)));
}

/// Ranks that may use the same cores deal them out together, others each its own.
void NodePlacement::deal_cores() {
  std::map<std::vector<std::uint32_t>, Party> by_cores;
  for (auto& worker : workers_) by_cores[worker.report->cores].push_back(&worker);
  for (const auto& [cores, party] : by_cores) {
    if (party.size() > 1 && cores.size() == 1) {
      remarks_.bound.push_back(
          fmt::format("on {} the launcher bound {} ranks to core {}", host(), party.size(), cores.front()));
    }
    share_cores(cores, party);
  }
  note_overlap(by_cores);
}

void NodePlacement::share_cores(const std::vector<std::uint32_t>& cores, const Party& party) {
  if (cores.empty()) return;
  std::vector<PlannedSlot*> slots;
  std::vector<std::vector<std::uint32_t>> near;
  for (const auto* worker : party) {
    for (auto& slot : worker->planned->slots) {
      slots.push_back(&slot);
      near.push_back(cores_near(slot, *worker->report));
    }
  }
  const bool too_few = cores.size() < slots.size();
  if (too_few) {
    remarks_.few_cores.push_back(
        fmt::format("on {} {} slots share {} core{}", host(), slots.size(), cores.size(), plural(cores.size())));
  }
  for (const auto* worker : party) worker->planned->slots_share_cores = too_few;
  auto parts = share_out_cores(cores, near);
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i]->cores = std::move(parts[i]);
}

std::vector<std::uint32_t> NodePlacement::cores_near(const PlannedSlot& slot, const RankReport& report) {
  std::set<std::uint32_t> cores;
  for (const auto& gpu : slot.gpus) {
    for (const auto& seen : report.gpus) {
      if (seen.identity == gpu.identity) cores.insert(seen.near_cores.begin(), seen.near_cores.end());
    }
  }
  return {cores.begin(), cores.end()};
}

/// Cores that stand in two sets are dealt out twice: nobody here can say whose they are.
void NodePlacement::note_overlap(const std::map<std::vector<std::uint32_t>, Party>& by_cores) {
  std::map<std::uint32_t, std::uint32_t> owner;  // core to rank
  for (const auto& [cores, party] : by_cores) {
    const auto rank = party.front()->report->rank;
    for (const auto core : cores) {
      const auto [it, is_new] = owner.try_emplace(core, rank);
      if (is_new) continue;
      remarks_.overlap.push_back(
          fmt::format("on {} ranks {} and {} may use partly the same cores ({})", host(), it->second, rank, core));
      return;
    }
  }
}

/// GPUs that were granted and that no slot of the node got. A list of ids says which are wanted: then only
/// a node without slots leaves any.
void NodePlacement::note_idle() {
  const bool by_ids = list_->kind == HostGpuList::Kind::ids;
  if (!by_ids && list_->kind != HostGpuList::Kind::automatic) return;
  if (by_ids && !workers_.empty()) return;
  std::set<std::string> used, idle;
  for (const auto& worker : workers_) {
    for (const auto& slot : worker.planned->slots) {
      for (const auto& gpu : slot.gpus) used.insert(gpu.identity);
    }
  }
  for (const auto* report : reports_) {
    Diagnostics ignored;
    GpuResolver resolver(*report, options_, ignored);
    for (const auto& gpu : by_ids ? resolver.of(list_->ids) : resolver.all_visible()) {
      if (!used.contains(gpu.identity)) idle.insert(gpu.identity);
    }
  }
  if (idle.empty()) return;
  const bool by_master = workers_.size() < reports_.size();
  remarks_.idle.push_back(fmt::format("on {} {} GPU{} fall{} to no slot{}", host(), idle.size(), plural(idle.size()),
                                      idle.size() == 1 ? "s" : "",
                                      by_master ? ": only rank 0 has them; --master-works lets it run steps" : ""));
}

}  // namespace gradus
