// The GPUs that were discovered, for a person and for a program (`gradus gpus`).
//
// Knows: how a discovery is written out.
// Unaware of: how it was made, and of slots and plans (see placement.h).
#pragma once

#include <string>

#include "core/visible_devices.h"

namespace gradus {

/// A table (position, token, UUID, PCI address, name), how it was learnt, and the note. Ends with a newline.
std::string describe_gpus(const GpuDiscovery& discovery);
/// The same as one JSON object, with `uuid`, `pci` and `name` null where they are not known.
std::string gpus_json(const GpuDiscovery& discovery);

}  // namespace gradus
