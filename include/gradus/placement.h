// Which slot gets which GPUs and cores: the rule per node over (local rank, thread).
//
// Knows: what every rank reported of itself, the GPU list, and the rule.
// Unaware of: MPI, drivers, environment variables; everything comes in as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gradus/diagnostic.h"
#include "gradus/gpu_list.h"

namespace gradus {

/// One device that a rank can see, at its position in that rank's list.
struct VisibleGpu {
  std::string identity;  ///< UUID by the driver; without one the token
  std::string token;     ///< the inherited visible-devices entry, or the position as text when none was inherited
  std::string name;      ///< model; empty when unknown
  std::string pci;       ///< PCI address in sysfs spelling; empty when unknown
  std::vector<std::uint32_t> near_cores = {};  ///< logical CPUs near it, ascending; empty when unknown
  bool operator==(const VisibleGpu&) const = default;
};

/// How a rank learnt of its GPUs.
enum class GpuSource : std::uint8_t {
  driver,        ///< asked the driver: the list is the truth
  visible_list,  ///< no driver, but a visible-devices variable was inherited
  nothing        ///< neither: ids are believed as given
};

/// The variable with which a step is told its visible devices.
enum class GpuVendor : std::uint8_t { nvidia, amd_rocr, amd_hip, intel };
/// CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES, ZE_AFFINITY_MASK.
const char* visible_devices_variable(GpuVendor vendor);

/// What one rank says of itself at the start.
struct RankReport {
  std::uint32_t rank = 0;
  std::string host;
  std::uint32_t node = 0;        ///< equal for ranks that share memory; any numbering
  std::uint32_t local_rank = 0;  ///< among the ranks of that node that have slots, in rank order
  bool has_slots = true;         ///< false: a master that does not work
  GpuSource gpu_source = GpuSource::nothing;
  GpuVendor gpu_vendor = GpuVendor::nvidia;
  std::vector<VisibleGpu> gpus;
  std::string gpu_doubt;             ///< why these may not be the granted ones: then only a list can say; or empty
  std::vector<std::uint32_t> cores;  ///< logical CPUs this rank may use (affinity), ascending
  bool operator==(const RankReport&) const = default;
};

enum class GpuSharing : std::uint8_t { shared, exclusive };

struct PlacementOptions {
  bool use_gpu = true;          ///< USE_GPU; false: no slot has a GPU
  GpuList list;                 ///< GPU_LIST
  std::string list_origin;      ///< where it came from, for messages: `--gpus`, `GRADUS_GPU_LIST`, `file:3`
  std::uint32_t threads = 0;    ///< slots per rank that has slots; 0: as the contract's first section says
  std::uint32_t cpu_slots = 0;  ///< slots without GPU, per rank, on top
  GpuSharing sharing = GpuSharing::shared;
  bool alone = true;  ///< not under MPI: `threads` 0 means one slot per GPU, else one per core
};

/// A GPU as one rank knows it.
struct SlotGpu {
  std::string position;  ///< what `%(GPU)s` becomes: the position in this rank's list (or the UUID believed as given)
  std::string token;     ///< what a visible-devices variable needs
  std::string identity;  ///< UUID, or the token: equal on a node means the same device
  std::string name;
  std::string pci;
  bool operator==(const SlotGpu&) const = default;
};

struct PlannedSlot {
  std::uint32_t slot = 0;  ///< global, from 0, in order of (rank, thread)
  std::uint32_t rank = 0;
  std::uint32_t thread = 1;  ///< within its rank, from 1
  bool cpu_only = false;     ///< one of --cpu-slots, outside the GPU rule
  std::vector<SlotGpu> gpus;
  std::vector<std::uint32_t> cores;  ///< this slot's share of the logical CPUs
  bool operator==(const PlannedSlot&) const = default;
};

struct PlannedRank {
  std::uint32_t rank = 0;
  std::string host;
  std::uint32_t node = 0;  ///< dense, from 0, in order of the node's lowest rank
  std::uint32_t local_rank = 0;
  bool has_slots = true;
  GpuSource gpu_source = GpuSource::nothing;
  GpuVendor gpu_vendor = GpuVendor::nvidia;
  bool slots_share_cores = false;  ///< fewer cores than slots where it is: a core stands in several slots
  std::vector<PlannedSlot> slots;
  bool operator==(const PlannedRank&) const = default;
};

struct Plan {
  std::vector<PlannedRank> ranks;  ///< by rank
  Diagnostics mistakes;            ///< not empty: nothing may start
  std::vector<std::string> notes;  ///< shared or idle GPUs and the remedy, absent hosts: said at start
  bool any_gpu() const;
  std::size_t slot_count() const;
};

/// The plan for these ranks. Pure: equal reports give equal plans.
Plan make_plan(const std::vector<RankReport>& reports, const PlacementOptions& options);

/// The GPU rule itself: which of `count` list entries slot `slot` of `slots` gets, in order.
/// Contiguous parts when count ≥ slots (the first count mod slots get one more); otherwise entry
/// slot mod count, or with `exclusive` entry `slot` for the first `count` slots only.
std::vector<std::uint32_t> entries_of_slot(std::uint32_t count, std::uint32_t slots, std::uint32_t slot,
                                           GpuSharing sharing);

/// The map as a table for a person, one line per slot.
std::string plan_table(const Plan& plan);
/// The same as a JSON document (array of slots, notes).
std::string plan_json(const Plan& plan);

}  // namespace gradus
