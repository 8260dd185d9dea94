// What SLURM granted, against what a rank can see.
//
// Knows: SLURM's variables about GPUs, and in which ways of starting they and the visible GPUs disagree.
// Unaware of: what is done about it.
#pragma once

#include <string>

#include "core/visible_devices.h"

namespace gradus {

/// Why the GPUs that `found` shows may be more or fewer than this rank was granted, with the remedy; empty: no doubt.
/// A visible-devices variable is believed: SLURM or the user set it.
std::string doubt_about_grant(const GpuDiscovery& found, const VariableLookup& variable);

}  // namespace gradus
