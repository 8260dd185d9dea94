// Reads GPUs through NVML, the driver's library for management. Runs in a short-lived child of gradus.
//
// Knows: the library, found at run time, and the types of nvml.h.
// Unaware of: who asks, time limits, what the figures are for.
//
// A child, because NVML can hang on a sick GPU and leaves open device files behind in whoever called it.
#pragma once

namespace gradus {

/// True when this program was built with nvml.h. Whether the library is there shows when it is asked.
bool has_nvml();

/// Writes the lines of core/gpu_samples.h for these GPUs (UUIDs, or indices in the order of PCI addresses) to standard
/// output and returns the exit code. The hidden subcommand `gradus __read-gpus` calls it before anything else is set
/// up.
int nvml_main(int count, char** identities);

}  // namespace gradus
