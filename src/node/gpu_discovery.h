// Learns which GPUs this process sees, at its start.
//
// Knows: how to run the probe (see gpu_probe.h) with a time limit and without leaving anything behind.
// Unaware of: the driver, and of what the answer means for slots; the rules are in core/visible_devices.h.
#pragma once

#include <string>
#include <vector>

#include "core/gpu_report.h"
#include "core/visible_devices.h"

namespace gradus {

/// How long the driver may take to answer, in seconds. Eight GPUs without persistence mode need several.
inline constexpr double default_probe_limit_s = 10;

/// Starts `probe_command` (argv; the first word is a path, for example {"/proc/self/exe",
/// "__probe-gpus"}) and combines its answer with the inherited visible-devices variable. Returns after
/// `limit_s` seconds and a little at the latest; never throws on what driver or probe do, the note
/// tells it. Blocks the calling thread; meant to be called before there are other threads. Leaves no
/// descriptor and no child, except one that the kernel cannot end, which the note then says.
GpuDiscovery discover_gpus(const std::vector<std::string>& probe_command, double limit_s = default_probe_limit_s);

/// The same with the environment (NAME=value) given instead of inherited; `environment` counts both for
/// the probe and for the visible-devices variable.
GpuDiscovery discover_gpus(const std::vector<std::string>& probe_command, double limit_s,
                           const std::vector<std::string>& environment);

}  // namespace gradus
