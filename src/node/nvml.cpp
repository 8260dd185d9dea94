#include "node/nvml.h"

#ifdef GRADUS_HAVE_NVML_H
#include <nvml.h>
#include <signal.h>
#include <sys/prctl.h>

#include <array>
#include <cstdio>
#include <string>

#include "core/gpu_samples.h"
#include "node/library_function.h"
#endif

namespace gradus {

#ifdef GRADUS_HAVE_NVML_H

namespace {

struct Nvml {
  decltype(&nvmlInit) init = nullptr;
  decltype(&nvmlDeviceGetHandleByUUID) by_uuid = nullptr;
  decltype(&nvmlDeviceGetHandleByIndex) by_index = nullptr;
  decltype(&nvmlDeviceGetIndex) index = nullptr;
  decltype(&nvmlDeviceGetUUID) uuid = nullptr;
  decltype(&nvmlDeviceGetUtilizationRates) utilization = nullptr;
  decltype(&nvmlDeviceGetMemoryInfo) memory = nullptr;
};

Nvml load() {
  Nvml nvml;
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nvml;
  nvml.init = GRADUS_FIND(nvmlInit);
  nvml.by_uuid = GRADUS_FIND(nvmlDeviceGetHandleByUUID);
  nvml.by_index = GRADUS_FIND(nvmlDeviceGetHandleByIndex);
  nvml.index = GRADUS_FIND(nvmlDeviceGetIndex);
  nvml.uuid = GRADUS_FIND(nvmlDeviceGetUUID);
  nvml.utilization = GRADUS_FIND(nvmlDeviceGetUtilizationRates);
  nvml.memory = GRADUS_FIND(nvmlDeviceGetMemoryInfo);
  return nvml;
}

bool is_whole(const Nvml& nvml) {
  return nvml.init && nvml.by_uuid && nvml.by_index && nvml.index && nvml.uuid && nvml.utilization && nvml.memory;
}

std::uint32_t mib(unsigned long long bytes) { return static_cast<std::uint32_t>(bytes >> 20U); }

bool find_device(const Nvml& nvml, const std::string& identity, nvmlDevice_t& device) {
  if (identity.find_first_not_of("0123456789") != std::string::npos) {
    return nvml.by_uuid(identity.c_str(), &device) == NVML_SUCCESS;
  }
  return nvml.by_index(static_cast<unsigned>(std::stoul(identity)), &device) == NVML_SUCCESS;
}

/// Empty when the device is not there. What else it does not tell is left out: MIG instances have no utilisation.
std::string line_for(const Nvml& nvml, const std::string& identity) {
  nvmlDevice_t device{};
  std::array<char, 128> uuid{};
  if (!find_device(nvml, identity, device)) return "";
  if (nvml.uuid(device, uuid.data(), static_cast<unsigned>(uuid.size()) - 1) != NVML_SUCCESS) return "";
  GpuReading reading;
  reading.uuid = uuid.data();
  unsigned index = 0;
  if (nvml.index(device, &index) == NVML_SUCCESS) reading.index = index;
  nvmlUtilization_t rates{};
  if (nvml.utilization(device, &rates) == NVML_SUCCESS) reading.busy = static_cast<float>(rates.gpu) / 100;
  nvmlMemory_t memory{};
  if (nvml.memory(device, &memory) == NVML_SUCCESS) {
    reading.memory_mib = mib(memory.used);
    reading.total_mib = mib(memory.total);
  }
  return gpu_reading_line(reading);
}

}  // namespace

bool has_nvml() { return true; }

int nvml_main(int count, char** identities) {
  // One that hangs in the driver must not outlive a gradus that was killed meanwhile.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto nvml = load();
  if (!is_whole(nvml) || nvml.init() != NVML_SUCCESS) return 1;
  std::string lines;
  for (int i = 0; i < count; ++i) lines += line_for(nvml, identities[i]);
  const bool written = std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size();
  return std::fflush(stdout) == 0 && written ? 0 : 1;
}

#else

bool has_nvml() { return false; }

int nvml_main(int /*count*/, char** /*identities*/) { return 1; }

#endif

}  // namespace gradus
