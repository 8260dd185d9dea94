// The visible-devices variables: what a rank inherited, and which GPUs it therefore sees.
//
// Knows: which variable counts, how the runtimes read its list, and how the driver's answer and the
//        inherited list are put together.
// Unaware of: the environment itself (it comes in as a lookup), the driver, and how its answer was got.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/driver_answer.h"
#include "gradus/placement.h"

namespace gradus {

/// The value of an environment variable, or null when it is not set (the shape of getenv).
using VariableLookup = std::function<const char*(const char* name)>;

/// A visible-devices variable that is set; `value` may be empty, which means "no device".
struct InheritedList {
  GpuVendor vendor = GpuVendor::nvidia;
  std::string value;
  bool operator==(const InheritedList&) const = default;
};

/// The first that is set of CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES,
/// ZE_AFFINITY_MASK. Only one may count: SLURM sets several at once to the same list.
std::optional<InheritedList> inherited_visible_list(const VariableLookup& variable);

/// The entries between commas, blanks around them taken off; nothing is judged. Empty text: no entry.
std::vector<std::string> split_visible_list(std::string_view value);

struct VisibleTokens {
  std::vector<std::string> tokens;
  std::string note;  ///< what was not counted and why; empty when all entries count
  bool operator==(const VisibleTokens&) const = default;
};

/// The entries that count without asking a driver. As CUDA reads it: the list ends at the first entry
/// that can name no device (`-1`, an empty one, `NoDevFiles`), and a CUDA list that names one device
/// twice shows none at all. Whether a number exists is not known here.
VisibleTokens parse_visible_list(GpuVendor vendor, std::string_view value);

/// What this process can see and how it was learnt.
struct GpuDiscovery {
  GpuSource source = GpuSource::nothing;
  GpuVendor vendor = GpuVendor::nvidia;
  std::vector<VisibleGpu> gpus;
  std::string note;      ///< for a person: why there was no driver, what was left out; empty: all is plain
  bool trouble = false;  ///< a driver is there and failed, hung or crashed: worth a warning at the start
  std::optional<std::string> inherited;  ///< the value of the variable that counts; absent: not set
  bool operator==(const GpuDiscovery&) const = default;
};

/// Puts the two together. A driver that answered is the truth; position i has the i-th inherited entry
/// as its token, else i. Without an answer, the entries of the inherited list are believed.
GpuDiscovery combine_discovery(const DriverAnswer& driver, const std::optional<InheritedList>& inherited);

}  // namespace gradus
