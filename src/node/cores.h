// Which cores this process may use.
//
// Knows: the affinity mask and the cgroup's CPU quota. Unaware of: slots and how cores are shared out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

/// Logical CPUs of the affinity mask, ascending; the first ceil(quota) of them when a cgroup allows less
/// time than that. Never empty. Not /proc/cpuinfo, which shows the machine and not the allocation.
std::vector<std::uint32_t> usable_cores();

/// The cores near a PCI device, as the kernel tells (its local_cpulist), ascending; empty when it does not, or when
/// that is all cores of the machine. GRADUS_SYSFS names another root than /sys: for tests.
std::vector<std::uint32_t> cores_near_device(const std::string& pci_address);

/// This machine's name as gethostname(2) tells it.
std::string host_name();

}  // namespace gradus
