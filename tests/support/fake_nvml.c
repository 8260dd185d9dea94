/* A stand-in for libnvidia-ml.so.1: two GPUs and a MIG instance of the second. FAKE_NVML: "hangs" in nvmlInit, or
 * "refuses" there. */
#include <nvml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct nvmlDevice_st {
  const char* uuid;
  unsigned index;
  unsigned busy;
  unsigned long long used, total;
  int is_mig;
};

static struct nvmlDevice_st devices[] = {
    {"GPU-00000000-1111-2222-3333-444444444444", 0, 30, 2000ULL << 20, 81559ULL << 20, 0},
    {"GPU-00000001-1111-2222-3333-444444444444", 1, 50, 2100ULL << 20, 81559ULL << 20, 0},
    {"MIG-00000002-1111-2222-3333-444444444444", 0, 0, 20ULL << 20, 9856ULL << 20, 1}};

nvmlReturn_t nvmlInit_v2(void) {
  const char* trouble = getenv("FAKE_NVML");
  while (trouble && !strcmp(trouble, "hangs")) pause();
  return trouble && !strcmp(trouble, "refuses") ? NVML_ERROR_UNKNOWN : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  for (int i = 0; i < 3; ++i) {
    *device = &devices[i];
    if (!strcmp(uuid, devices[i].uuid)) return NVML_SUCCESS;
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t* device) {
  if (index > 1) return NVML_ERROR_NOT_FOUND;
  *device = &devices[index];
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned* index) {
  *index = device->index;
  return device->is_mig ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned length) {
  snprintf(uuid, length, "%s", device->uuid);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* rates) {
  rates->gpu = device->busy;
  rates->memory = 1;
  return device->is_mig ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  memory->total = device->total;
  memory->used = device->used;
  memory->free = device->total - device->used;
  return NVML_SUCCESS;
}
