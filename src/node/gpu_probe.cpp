#include "node/gpu_probe.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/prctl.h>

#include <cstdio>

#include "core/driver_answer.h"

#ifdef GRADUS_HAVE_CUDA_H
#include <cuda.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "node/library_function.h"
#endif

namespace gradus {
namespace {

using Status = DriverAnswer::Status;

#ifdef GRADUS_HAVE_CUDA_H

/// The functions we call. Not tried: the parents of MIG instances, and devices that the inherited list hides.
struct Driver {
  void* handle = nullptr;
  decltype(&cuInit) init = nullptr;
  decltype(&cuDeviceGetCount) count = nullptr;
  decltype(&cuDeviceGet) device = nullptr;
  decltype(&cuDeviceGetUuid) uuid = nullptr;
  decltype(&cuDeviceGetUuid) parent_uuid = nullptr;  // the first version: never the MIG instance's
  decltype(&cuDeviceGetPCIBusId) pci = nullptr;
  decltype(&cuDeviceGetName) name = nullptr;
  decltype(&cuGetErrorName) error_name = nullptr;
  decltype(&cuGetErrorString) error_text = nullptr;
};

Driver load_driver() {
  Driver driver;
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  driver.handle = library;
  if (!library) return driver;
  driver.init = GRADUS_FIND(cuInit);
  driver.count = GRADUS_FIND(cuDeviceGetCount);
  driver.device = GRADUS_FIND(cuDeviceGet);
  driver.uuid = GRADUS_FIND(cuDeviceGetUuid);
  // The plain name on purpose: same signature, and drivers before 470 have no other.
  driver.parent_uuid = find_function<decltype(driver.parent_uuid)>(library, "cuDeviceGetUuid");
  driver.pci = GRADUS_FIND(cuDeviceGetPCIBusId);
  driver.name = GRADUS_FIND(cuDeviceGetName);
  driver.error_name = GRADUS_FIND(cuGetErrorName);
  driver.error_text = GRADUS_FIND(cuGetErrorString);
  if (!driver.uuid) driver.uuid = driver.parent_uuid;
  return driver;
}

const char* missing_function(const Driver& driver) {
  if (!driver.init) return "cuInit";
  if (!driver.count) return "cuDeviceGetCount";
  if (!driver.device) return "cuDeviceGet";
  if (!driver.uuid) return "cuDeviceGetUuid";
  return nullptr;
}

DriverAnswer refused(const Driver& driver, const char* call, CUresult result) {
  DriverAnswer answer;
  answer.status = Status::error;
  answer.error = static_cast<int>(result);
  const char* name = nullptr;
  const char* text = nullptr;
  if (driver.error_name && driver.error_name(result, &name) == CUDA_SUCCESS && name) answer.text = name;
  if (driver.error_text && driver.error_text(result, &text) == CUDA_SUCCESS && text) {
    answer.text += std::string(answer.text.empty() ? "(" : " (") + text + ")";
  }
  answer.text += std::string(answer.text.empty() ? "in " : " in ") + call;
  return answer;
}

using UuidBytes = std::array<unsigned char, sizeof(CUuuid::bytes)>;

UuidBytes bytes_of(const CUuuid& uuid) {
  UuidBytes bytes{};
  std::ranges::copy(uuid.bytes, bytes.begin());
  return bytes;
}

/// On a MIG instance the two versions of the call differ: the second gives the instance, the first the
/// GPU that it is a part of. There is no device attribute that tells it.
CUresult read_identity(const Driver& driver, CUdevice device, VisibleGpu& gpu) {
  CUuuid uuid{};
  CUuuid parent{};
  const CUresult result = driver.uuid(&uuid, device);
  if (result != CUDA_SUCCESS) return result;
  const bool has_parent = driver.parent_uuid && driver.parent_uuid(&parent, device) == CUDA_SUCCESS;
  const bool is_mig = has_parent && bytes_of(uuid) != bytes_of(parent);
  gpu.identity = gpu_uuid_text(bytes_of(uuid), is_mig);
  return CUDA_SUCCESS;
}

/// Address and name are an ornament: a device without them is still a device.
void read_description(const Driver& driver, CUdevice device, VisibleGpu& gpu) {
  std::array<char, 256> text{};
  const int room = static_cast<int>(text.size()) - 1;
  if (driver.pci && driver.pci(text.data(), room, device) == CUDA_SUCCESS) gpu.pci = sysfs_pci_address(text.data());
  text.fill('\0');
  if (driver.name && driver.name(text.data(), room, device) == CUDA_SUCCESS) gpu.name = text.data();
}

DriverAnswer ask_driver() {
  const Driver driver = load_driver();
  DriverAnswer answer;
  if (!driver.handle) {
    const char* why = dlerror();
    answer.status = Status::no_driver;
    answer.text = why ? why : "libcuda.so.1 cannot be loaded";
    return answer;
  }
  if (const char* missing = missing_function(driver)) {
    answer.status = Status::no_driver;
    answer.text = std::string("libcuda.so.1 has no ") + missing;
    return answer;
  }
  if (const CUresult result = driver.init(0); result != CUDA_SUCCESS) return refused(driver, "cuInit", result);
  int count = 0;
  const CUresult counted = driver.count(&count);
  if (counted != CUDA_SUCCESS) return refused(driver, "cuDeviceGetCount", counted);
  for (int position = 0; position < count; ++position) {
    CUdevice device{};
    VisibleGpu gpu;
    // One device that cannot be read spoils the whole answer: left out, it would shift all positions after it.
    CUresult result = driver.device(&device, position);
    if (result == CUDA_SUCCESS) result = read_identity(driver, device, gpu);
    if (result != CUDA_SUCCESS) {
      return refused(driver, ("the look at device " + std::to_string(position)).c_str(), result);
    }
    read_description(driver, device, gpu);
    answer.gpus.push_back(std::move(gpu));
  }
  answer.status = Status::ok;
  return answer;
}

#else

DriverAnswer ask_driver() {
  DriverAnswer answer;
  answer.status = Status::built_without_cuda;
  return answer;
}

#endif

}  // namespace

int gpu_probe_main() {
  // A probe that hangs in the driver must not outlive a gradus that was killed meanwhile.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string lines = driver_answer_lines(ask_driver());
  const bool written = std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size();
  // Before the driver's own exit handlers run: they too can hang, and the answer is already whole.
  return std::fflush(stdout) == 0 && written ? 0 : 1;
}

}  // namespace gradus
