#include "node/cores.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "core/core_shares.h"

namespace gradus {
namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

/// cgroup v2: "QUOTA PERIOD" or "max PERIOD".
double quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return unlimited;
  return std::stod(quota) / period;
}

double quota_v1(const std::string& folder) {
  double quota = -1, period = 0;
  std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
  std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  return quota > 0 && period > 0 ? quota / period : unlimited;
}

/// The least quota on the way from `path` up to the mount's root.
template <class Quota>
double least_quota(const std::string& mount, std::string path, const Quota& quota) {
  double least = quota(mount);
  for (; path.size() > 1; path.erase(path.rfind('/'))) least = std::min(least, quota(mount + path));
  return least;
}

double cpu_quota() {
  double least = unlimited;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    std::istringstream fields(line);
    std::string number, controllers, path;
    std::getline(fields, number, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    if (controllers.empty()) {
      least = std::min(least, least_quota("/sys/fs/cgroup", path, quota_v2));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      least = std::min(least, least_quota("/sys/fs/cgroup/cpu", path, quota_v1));
    }
  }
  return least;
}

/// Machines with more than CPU_SETSIZE (1024) CPUs need a larger mask than cpu_set_t.
std::vector<std::uint32_t> affinity() {
  for (int bits = CPU_SETSIZE; bits <= 1 << 20; bits *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(bits));
    const auto size = CPU_ALLOC_SIZE(static_cast<std::size_t>(bits));
    CPU_ZERO_S(size, set);
    std::vector<std::uint32_t> cores;
    const bool fits = sched_getaffinity(0, size, set) == 0;
    for (int cpu = 0; fits && cpu < bits; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, set)) cores.push_back(static_cast<std::uint32_t>(cpu));
    }
    CPU_FREE(set);
    if (fits) return cores;
  }
  return {};
}

}  // namespace

std::vector<std::uint32_t> usable_cores() {
  auto cores = affinity();
  if (cores.empty()) cores.push_back(0);
  const double quota = cpu_quota();
  if (quota < static_cast<double>(cores.size())) {
    cores.resize(std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(quota))));
  }
  return cores;
}

std::vector<std::uint32_t> cores_near_device(const std::string& pci_address) {
  if (pci_address.empty()) return {};
  const char* root = std::getenv("GRADUS_SYSFS");
  std::ifstream file(std::string(root != nullptr ? root : "/sys") + "/bus/pci/devices/" + pci_address +
                     "/local_cpulist");
  std::string text;
  if (!std::getline(file, text)) return {};
  auto cores = read_cpu_list(text.c_str());
  const auto all = static_cast<std::size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  return cores.size() >= all ? std::vector<std::uint32_t>() : cores;
}

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

}  // namespace gradus
