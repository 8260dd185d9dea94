// Deals the GPUs and cores of one node out to its slots.
//
// Knows: the rule over (local rank, thread), and what ranks of one node can see differently.
// Unaware of: other nodes.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/gpu_resolver.h"
#include "gradus/placement.h"

namespace gradus {

/// What is worth a word at the start, collected over all nodes and said once per kind.
struct PlacementRemarks {
  std::vector<std::string> sharing, few_cores, bound, overlap, idle, blind;
};

class NodePlacement {
 public:
  /// `reports`: the ranks of one node, by rank. `ranks`: their entries in the plan, in the same order.
  NodePlacement(std::vector<const RankReport*> reports, std::vector<PlannedRank*> ranks,
                const PlacementOptions& options, Diagnostics& mistakes, PlacementRemarks& remarks);
  void deal();

 private:
  /// A rank that has slots.
  struct Worker {
    const RankReport* report;
    PlannedRank* planned;
    std::vector<SlotGpu> entries;  ///< the list as this rank knows it
  };
  /// Ranks that see the same devices share a list; others have nothing in common with them.
  using Party = std::vector<Worker*>;

  const std::string& host() const { return reports_.front()->host; }
  void mistake(std::string what) { mistakes_.push_back({"", 0, 0, "host " + host() + what}); }
  void resolve();
  bool form_parties();
  bool means_the_same_to_all(const Party& party);
  std::size_t entry_count() const;
  std::uint32_t slots_per_rank() const;
  void make_slots();
  std::vector<PlannedSlot*> gpu_slots(const Party& party) const;
  void deal_list(const Party& party);
  void deal_groups();
  void note_sharing(std::size_t entries, std::size_t slots);
  void deal_cores();
  void share_cores(const std::vector<std::uint32_t>& cores, const Party& party);
  static std::vector<std::uint32_t> cores_near(const PlannedSlot& slot, const RankReport& report);
  void note_overlap(const std::map<std::vector<std::uint32_t>, Party>& by_cores);
  void note_idle();

  std::vector<const RankReport*> reports_;
  const PlacementOptions& options_;
  Diagnostics& mistakes_;
  PlacementRemarks& remarks_;
  const HostGpuList* list_ = nullptr;
  std::vector<Worker> workers_;  // by local rank
  std::vector<Party> parties_;
};

}  // namespace gradus
