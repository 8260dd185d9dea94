#include "gradus/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace gradus {
namespace {

using Entries = std::vector<SlotGpu>;

SlotGpu visible(const RankReport& report, std::size_t position) {
  const auto& gpu = report.gpus[position];
  return {std::to_string(position), gpu.token, gpu.identity, gpu.name, gpu.pci};
}

std::string written(const GpuId& id) { return id.position >= 0 ? std::to_string(id.position) : id.uuid; }

/// Ids of the list as one rank knows them.
class Resolver {
 public:
  Resolver(const RankReport& report, const PlacementOptions& options, Diagnostics& mistakes)
      : report_(report), options_(options), mistakes_(mistakes) {}

  Entries all_visible() const {
    Entries entries;
    for (std::size_t i = 0; i < report_.gpus.size(); ++i) entries.push_back(visible(report_, i));
    return entries;
  }

  Entries of(const std::vector<GpuId>& ids) {
    Entries entries;
    std::map<std::string, std::string> first_written;  // by identity
    for (const auto& id : ids) {
      auto entry = one(id);
      if (!entry) continue;
      const auto [it, is_new] = first_written.try_emplace(entry->identity, written(id));
      if (!is_new && it->second != written(id)) {
        mistake(fmt::format("'{}' and '{}' of {} are the same GPU: name it in one way", it->second, written(id),
                            options_.list_origin));
      }
      entries.push_back(std::move(*entry));
    }
    return entries;
  }

 private:
  void mistake(const std::string& what) {
    mistakes_.push_back({"", 0, 0, fmt::format("host {}, rank {}: {}", report_.host, report_.rank, what)});
  }

  std::optional<SlotGpu> one(const GpuId& id) {
    // Without a driver and without an inherited list there is nothing to hold an id against.
    if (report_.gpu_source == GpuSource::nothing) {
      const auto text = written(id);
      return SlotGpu{text, text, text, "", ""};
    }
    return id.position >= 0 ? by_position(id.position) : by_uuid(id.uuid);
  }

  std::optional<SlotGpu> by_position(int position) {
    if (static_cast<std::size_t>(position) < report_.gpus.size()) return visible(report_, static_cast<std::size_t>(position));
    mistake(fmt::format("GPU {} of {} does not exist there: {} (a number is a position among the visible GPUs; "
                        "per-host lists are written 'nodeA=0,1; *=0')",
                        position, options_.list_origin, seen()));
    return std::nullopt;
  }

  std::optional<SlotGpu> by_uuid(const std::string& uuid) {
    std::vector<std::size_t> hits;
    for (std::size_t i = 0; i < report_.gpus.size(); ++i) {
      const auto& gpu = report_.gpus[i];
      if (gpu.identity.starts_with(uuid) || gpu.token == uuid) hits.push_back(i);
    }
    if (hits.size() == 1) return visible(report_, hits.front());
    mistake(fmt::format("{} of {} {}: {}", uuid, options_.list_origin,
                        hits.empty() ? "does not exist there" : "is the beginning of several UUIDs", seen()));
    return std::nullopt;
  }

  std::string seen() const {
    const auto count = report_.gpus.size();
    const auto by = report_.gpu_source == GpuSource::driver ? "the driver shows" : "the visible-devices variable lists";
    return count == 0 ? fmt::format("{} no GPU", by)
                      : fmt::format("{} {} GPU{}, positions 0 to {}", by, count, count == 1 ? "" : "s", count - 1);
  }

  const RankReport& report_;
  const PlacementOptions& options_;
  Diagnostics& mistakes_;
};

/// What is collected over all nodes and said once.
struct Remarks {
  std::vector<std::string> sharing, few_cores, bound, idle;
};

std::set<std::string> identities(const RankReport& report) {
  std::set<std::string> all;
  for (const auto& gpu : report.gpus) all.insert(gpu.identity);
  return all;
}

bool disjoint(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::none_of(a.begin(), a.end(), [&](const std::string& one) { return b.contains(one); });
}

/// Deals one node's GPUs and cores out to its slots.
class NodePlacement {
 public:
  NodePlacement(const std::vector<const RankReport*>& reports, const PlacementOptions& options, Plan& plan, Remarks& remarks)
      : all_(reports), options_(options), plan_(plan), remarks_(remarks) {
    for (const auto* report : reports) {
      if (report->has_slots) workers_.push_back(report);
    }
    std::sort(workers_.begin(), workers_.end(),
              [](const RankReport* a, const RankReport* b) { return a->local_rank < b->local_rank; });
    static const HostGpuList none{HostGpuList::Kind::none, {}, {}};
    list_ = options.use_gpu ? options.list.for_host(host()) : &none;
  }

  void deal() {
    if (list_ == nullptr) {
      plan_.mistakes.push_back({options_.list_origin, 0, 0,
                                fmt::format("no part of the GPU list is for host {}: add '{}=…' or '*=…'", host(), host())});
      return;
    }
    resolve();
    if (!plan_.mistakes.empty() || !check_same_or_disjoint()) return;
    make_slots();
    if (list_->kind == HostGpuList::Kind::groups) {
      deal_groups();
    } else if (same_devices_) {
      deal_together();
    } else {
      for (std::size_t w = 0; w < workers_.size(); ++w) deal_parts(entries_[w], slots_of(w));
    }
    deal_cores();
    note_idle();
  }

 private:
  const std::string& host() const { return all_.front()->host; }
  PlannedRank& planned(const RankReport& report) { return plan_.ranks[report.rank]; }

  void resolve() {
    for (const auto* worker : workers_) {
      Resolver resolver(*worker, options_, plan_.mistakes);
      switch (list_->kind) {
        case HostGpuList::Kind::automatic: entries_.push_back(resolver.all_visible()); break;
        case HostGpuList::Kind::ids: entries_.push_back(resolver.of(list_->ids)); break;
        case HostGpuList::Kind::none:
        case HostGpuList::Kind::groups: entries_.emplace_back(); break;
      }
    }
  }

  bool check_same_or_disjoint() {
    std::vector<std::set<std::string>> sets;
    for (const auto* worker : workers_) sets.push_back(identities(*worker));
    same_devices_ = std::all_of(sets.begin(), sets.end(), [&](const auto& set) { return set == sets.front(); });
    if (same_devices_ || list_->kind == HostGpuList::Kind::none) return !differs_in_order();
    for (std::size_t a = 0; a < sets.size(); ++a) {
      for (std::size_t b = a + 1; b < sets.size(); ++b) {
        if (disjoint(sets[a], sets[b])) continue;
        plan_.mistakes.push_back(
            {"", 0, 0,
             fmt::format("host {}: ranks {} and {} see partly the same GPUs, so that neither sharing out nor keeping apart "
                         "is right: give the ranks of a node the same GPUs (under SLURM --gpus-per-node=N with "
                         "--gpu-bind=none, or mpirun), or to each its own (--gpus-per-task=1)",
                         host(), workers_[a]->rank, workers_[b]->rank)});
        return false;
      }
    }
    return true;
  }

  /// The same position must not be another device on another rank.
  bool differs_in_order() {
    if (list_->kind != HostGpuList::Kind::ids) return false;
    for (std::size_t w = 1; w < workers_.size(); ++w) {
      for (std::size_t i = 0; i < entries_[w].size(); ++i) {
        if (entries_[w][i].identity == entries_[0][i].identity) continue;
        plan_.mistakes.push_back(
            {"", 0, 0,
             fmt::format("host {}: GPU {} of {} is another device on rank {} than on rank {}: give all ranks of the node the "
                         "same visible-devices variable, or name the GPUs by UUID",
                         host(), entries_[0][i].position, options_.list_origin, workers_[w]->rank, workers_[0]->rank)});
        return true;
      }
    }
    return false;
  }

  std::size_t entry_count() const {
    if (list_->kind == HostGpuList::Kind::groups) return list_->groups.size();
    if (entries_.empty()) return 0;
    if (same_devices_) return entries_.front().size();
    return std::accumulate(entries_.begin(), entries_.end(), std::size_t{0},
                           [](std::size_t sum, const Entries& one) { return sum + one.size(); });
  }

  std::uint32_t slots_per_rank() const {
    if (options_.threads > 0) return options_.threads;
    const auto entries = static_cast<std::uint32_t>(entry_count());
    if (options_.alone) return entries > 0 ? entries : static_cast<std::uint32_t>(std::max<std::size_t>(1, all_.front()->cores.size()));
    const auto ranks = static_cast<std::uint32_t>(workers_.size());
    return std::max(1U, (entries + ranks - 1) / ranks);
  }

  void make_slots() {
    for (const auto* worker : workers_) {
      auto& slots = planned(*worker).slots;
      const auto gpu_slots = slots_per_rank();
      for (std::uint32_t i = 0; i < gpu_slots + options_.cpu_slots; ++i) {
        PlannedSlot slot;
        slot.rank = worker->rank;
        slot.thread = i + 1;
        slot.cpu_only = i >= gpu_slots;
        slots.push_back(std::move(slot));
      }
    }
  }

  /// The slots under the GPU rule, of one worker or of all, in order of (local rank, thread).
  std::vector<PlannedSlot*> slots_of(std::size_t worker) {
    std::vector<PlannedSlot*> slots;
    for (auto& slot : planned(*workers_[worker]).slots) {
      if (!slot.cpu_only) slots.push_back(&slot);
    }
    return slots;
  }
  std::vector<PlannedSlot*> gpu_slots() {
    std::vector<PlannedSlot*> slots;
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      const auto some = slots_of(w);
      slots.insert(slots.end(), some.begin(), some.end());
    }
    return slots;
  }

  static void give(PlannedSlot& slot, const SlotGpu& gpu) {
    const bool has_it = std::any_of(slot.gpus.begin(), slot.gpus.end(),
                                    [&](const SlotGpu& one) { return one.identity == gpu.identity; });
    if (!has_it) slot.gpus.push_back(gpu);
  }

  void note_sharing(std::size_t entries, std::size_t slots) {
    if (entries == 0 || entries >= slots) return;
    const bool exclusive = options_.sharing == GpuSharing::exclusive;
    remarks_.sharing.push_back(exclusive ? fmt::format("on {} only {} of {} slots have a GPU", host(), entries, slots)
                                         : fmt::format("on {} {} slots share {} GPU{}", host(), slots, entries, entries == 1 ? "" : "s"));
  }

  void deal_parts(const Entries& entries, const std::vector<PlannedSlot*>& slots) {
    note_sharing(entries.size(), slots.size());
    for (std::uint32_t i = 0; i < slots.size(); ++i) {
      for (const auto e : entries_of_slot(static_cast<std::uint32_t>(entries.size()), static_cast<std::uint32_t>(slots.size()), i,
                                          options_.sharing)) {
        give(*slots[i], entries[e]);
      }
    }
  }

  /// One list for the whole node; each slot knows its GPUs as its own rank does.
  void deal_together() {
    if (entries_.empty()) return;
    const auto slots = gpu_slots();
    note_sharing(entries_.front().size(), slots.size());
    std::map<std::uint32_t, std::map<std::string, const SlotGpu*>> as_known_by;  // rank, identity
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      for (const auto& entry : entries_[w]) as_known_by[workers_[w]->rank][entry.identity] = &entry;
    }
    for (std::uint32_t i = 0; i < slots.size(); ++i) {
      for (const auto e : entries_of_slot(static_cast<std::uint32_t>(entries_.front().size()), static_cast<std::uint32_t>(slots.size()),
                                          i, options_.sharing)) {
        give(*slots[i], *as_known_by[slots[i]->rank][entries_.front()[e].identity]);
      }
    }
  }

  void deal_groups() {
    const auto slots = gpu_slots();
    if (slots.size() != list_->groups.size()) {
      plan_.mistakes.push_back({options_.list_origin, 0, 0,
                                fmt::format("{} GPU groups for the {} slots of host {}: there must be one group for each slot",
                                            list_->groups.size(), slots.size(), host())});
      return;
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
      Resolver resolver(*report_of(slots[i]->rank), options_, plan_.mistakes);
      for (const auto& gpu : resolver.of(list_->groups[i])) give(*slots[i], gpu);
    }
  }

  const RankReport* report_of(std::uint32_t rank) const {
    return *std::find_if(all_.begin(), all_.end(), [rank](const RankReport* one) { return one->rank == rank; });
  }

  void deal_cores() {
    const bool same = std::all_of(workers_.begin(), workers_.end(),
                                  [&](const RankReport* one) { return one->cores == workers_.front()->cores; });
    if (same && workers_.size() > 1 && workers_.front()->cores.size() == 1) {
      remarks_.bound.push_back(fmt::format("on {} the launcher bound {} ranks to core {}", host(), workers_.size(),
                                           workers_.front()->cores.front()));
    }
    std::vector<PlannedSlot*> slots;
    for (const auto* worker : workers_) {
      if (!same) slots.clear();
      for (auto& slot : planned(*worker).slots) slots.push_back(&slot);
      if (!same) share_cores(worker->cores, slots);
    }
    if (same && !workers_.empty()) share_cores(workers_.front()->cores, slots);
  }

  void share_cores(const std::vector<std::uint32_t>& cores, const std::vector<PlannedSlot*>& slots) {
    if (cores.size() < slots.size()) {
      remarks_.few_cores.push_back(fmt::format("on {} {} slots share {} core{}", host(), slots.size(), cores.size(), cores.size() == 1 ? "" : "s"));
    }
    for (std::uint32_t i = 0; i < slots.size(); ++i) {
      plan_.ranks[slots[i]->rank].slots_share_cores = cores.size() < slots.size();
      for (const auto c : entries_of_slot(static_cast<std::uint32_t>(cores.size()), static_cast<std::uint32_t>(slots.size()), i,
                                          GpuSharing::shared)) {
        slots[i]->cores.push_back(cores[c]);
      }
    }
  }

  /// GPUs that were granted or listed and that no slot of the node got.
  void note_idle() {
    if (list_->kind == HostGpuList::Kind::none || list_->kind == HostGpuList::Kind::groups) return;
    std::set<std::string> used, idle;
    for (const auto* worker : workers_) {
      for (const auto& slot : planned(*worker).slots) {
        for (const auto& gpu : slot.gpus) used.insert(gpu.identity);
      }
    }
    for (const auto* report : all_) {
      if (list_->kind == HostGpuList::Kind::ids && report->has_slots) continue;
      Diagnostics ignored;
      Resolver resolver(*report, options_, ignored);
      for (const auto& gpu : list_->kind == HostGpuList::Kind::ids ? resolver.of(list_->ids) : resolver.all_visible()) {
        if (!used.contains(gpu.identity) && (list_->kind == HostGpuList::Kind::automatic || workers_.empty())) idle.insert(gpu.identity);
      }
    }
    if (idle.empty()) return;
    const bool by_master = workers_.empty() || workers_.size() < all_.size();
    remarks_.idle.push_back(fmt::format("on {} {} GPU{} fall{} to no slot{}", host(), idle.size(), idle.size() == 1 ? "" : "s",
                                        idle.size() == 1 ? "s" : "", by_master ? ": only rank 0 has them; --master-works lets it run steps" : ""));
  }

  std::vector<const RankReport*> all_, workers_;
  const PlacementOptions& options_;
  Plan& plan_;
  Remarks& remarks_;
  const HostGpuList* list_ = nullptr;
  std::vector<Entries> entries_;  // by worker
  bool same_devices_ = true;
};

void say(std::vector<std::string>& notes, const std::vector<std::string>& cases, const std::string& advice) {
  if (cases.empty()) return;
  const auto more = cases.size() > 1 ? fmt::format(" (and {} more hosts like it)", cases.size() - 1) : "";
  notes.push_back(cases.front() + more + advice);
}

void note_absent_hosts(const std::vector<RankReport>& reports, const PlacementOptions& options, Plan& plan) {
  for (const auto& one : options.list.hosts) {
    const bool here = std::any_of(reports.begin(), reports.end(),
                                  [&](const RankReport& report) { return same_host(report.host, one.host); });
    if (options.use_gpu && !here) plan.notes.push_back(fmt::format("the GPU list names host {}, which takes no part", one.host));
  }
}

std::vector<std::vector<const RankReport*>> by_node(const std::vector<RankReport>& reports, Plan& plan) {
  std::map<std::uint32_t, std::uint32_t> dense;
  std::vector<std::vector<const RankReport*>> nodes;
  for (const auto& report : reports) {
    const auto [it, is_new] = dense.try_emplace(report.node, static_cast<std::uint32_t>(nodes.size()));
    if (is_new) nodes.emplace_back();
    nodes[it->second].push_back(&report);
    PlannedRank rank;
    rank.rank = report.rank;
    rank.host = report.host;
    rank.node = it->second;
    rank.local_rank = report.local_rank;
    rank.has_slots = report.has_slots;
    rank.gpu_source = report.gpu_source;
    rank.gpu_vendor = report.gpu_vendor;
    plan.ranks.push_back(std::move(rank));
  }
  return nodes;
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
    return std::any_of(rank.slots.begin(), rank.slots.end(), [](const PlannedSlot& slot) { return !slot.gpus.empty(); });
  });
}

std::size_t Plan::slot_count() const {
  return std::accumulate(ranks.begin(), ranks.end(), std::size_t{0},
                         [](std::size_t sum, const PlannedRank& rank) { return sum + rank.slots.size(); });
}

std::vector<std::uint32_t> entries_of_slot(std::uint32_t count, std::uint32_t slots, std::uint32_t slot, GpuSharing sharing) {
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
  Plan plan;
  Remarks remarks;
  for (const auto& node : by_node(reports, plan)) NodePlacement(node, options, plan, remarks).deal();
  if (plan.slot_count() == 0 && plan.mistakes.empty()) {
    plan.mistakes.push_back({"", 0, 0, "no rank has a slot: start more ranks, or let rank 0 run steps with --master-works"});
  }
  std::uint32_t next = 0;
  for (auto& rank : plan.ranks) {
    for (auto& slot : rank.slots) slot.slot = next++;
  }
  say(plan.notes, remarks.sharing,
      options.sharing == GpuSharing::exclusive ? "" : "; --gpu-sharing exclusive gives each GPU to one slot only");
  say(plan.notes, remarks.idle, "");
  say(plan.notes, remarks.few_cores, "");
  say(plan.notes, remarks.bound, ": start mpirun with --bind-to none");
  note_absent_hosts(reports, options, plan);
  return plan;
}

}  // namespace gradus
