/* A stand-in for the CUDA driver (libcuda.so.1) for tests on machines without a GPU.
 *
 * Knows: the few calls that gradus and its test programs make, and how the driver treats
 *        CUDA_VISIBLE_DEVICES: entries are indices or the beginning of a UUID, the list ends at the
 *        first entry that names no device, one device named twice means none at all, and set but
 *        empty means none.
 * Unaware of: who calls it. Everything is steered by the environment, read once in cuInit as the real
 *        one does:
 *
 *   FAKE_GPUS=N             devices 0..N-1 exist (default 4, at most 64)
 *   FAKE_GPU_FILE=PATH      the devices whose numbers stand in this file exist (blanks or commas between)
 *   FAKE_GPU_DEVICES=PREFIX device d exists if PREFIXd may be opened for reading: obeys device cgroups
 *   FAKE_CUINIT=hang        cuInit never returns
 *   FAKE_CUINIT=crash       cuInit ends the process by SIGABRT
 *   FAKE_CUINIT=NUMBER      cuInit fails with this error
 *   FAKE_CUDA_COUNT_ERROR=N cuInit succeeds, cuDeviceGetCount fails with this error and leaves the count untouched
 *   FAKE_CUDA_HOST_UUIDS=1  UUIDs hold a hash of the host's name, so that virtual hosts differ
 *   FAKE_CUDA_MIG=1         every device is a MIG instance: two calls give two UUIDs
 *   FAKE_CUDA_MIXED=1       models differ: unless CUDA_DEVICE_ORDER=PCI_BUS_ID the order is reversed
 *
 * Existing devices are renumbered from 0, then filtered by CUDA_VISIBLE_DEVICES. Name, PCI address and
 * UUID keep the true number, so that a test can tell which device it got.
 * With -DFAKE_CUDA_OLD the second version of cuDeviceGetUuid is absent, with -DFAKE_CUDA_BROKEN a
 * function that every driver has. */
#include <cuda.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef cuDeviceGetUuid /* both versions are defined here, under their true names */

enum { MOST = 64 };

static int existing[MOST], existing_count; /* true numbers, in the order of the driver's indices */
static int visible[MOST], visible_count;   /* true numbers, by position */
static int is_initialized;

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device);

/* ---- identities ---------------------------------------------------------------------------- */

static int is_set(const char* name) {
  const char* value = getenv(name);
  return value && *value && strcmp(value, "0") != 0;
}

static uint32_t host_hash(void) {
  char host[256] = "";
  uint32_t hash = 2166136261U;
  if (!is_set("FAKE_CUDA_HOST_UUIDS") || gethostname(host, sizeof host - 1) != 0) return 0;
  for (const char* c = host; *c; ++c) hash = (hash ^ (unsigned char)*c) * 16777619U;
  return hash;
}

static void put_number(char* bytes, uint32_t number) {
  for (int i = 0; i < 4; ++i) bytes[i] = (char)(number >> (24 - 8 * i));
}

static void fill_uuid(CUuuid* uuid, int number, int is_mig) {
  memset(uuid->bytes, 0, sizeof uuid->bytes);
  put_number(uuid->bytes, 0xfa4e0000U + (uint32_t)number);
  put_number(uuid->bytes + 4, host_hash());
  uuid->bytes[8] = (char)is_mig;
  uuid->bytes[15] = (char)number;
}

static void uuid_text(int number, char* text) {
  CUuuid uuid;
  const int is_mig = is_set("FAKE_CUDA_MIG");
  fill_uuid(&uuid, number, is_mig);
  text += sprintf(text, is_mig ? "MIG" : "GPU");
  for (int i = 0; i < 16; ++i) {
    const char* dash = i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
    text += sprintf(text, "%s%02x", dash, (unsigned char)uuid.bytes[i]);
  }
}

/* ---- which devices exist -------------------------------------------------------------------- */

static void add_existing(long number) {
  if (number >= 0 && number < MOST && existing_count < MOST) existing[existing_count++] = (int)number;
}

static void read_device_file(const char* path) {
  FILE* file = fopen(path, "r");
  int number;
  if (!file) return;
  while (fscanf(file, " %d%*[, \t\n]", &number) >= 1) add_existing(number);
  fclose(file);
}

static void try_device_nodes(const char* prefix) {
  char path[4096];
  for (int number = 0; number < MOST; ++number) {
    snprintf(path, sizeof path, "%s%d", prefix, number);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    /* A device cgroup refuses with EPERM. ENXIO is said later, by a node that may be opened and has
     * no kernel driver behind its number: such a node is as good as a device here. */
    if (fd >= 0 || errno == ENXIO || errno == ENODEV) add_existing(number);
    if (fd >= 0) close(fd);
  }
}

static void reverse_existing(void) {
  for (int i = 0, j = existing_count - 1; i < j; ++i, --j) {
    const int other = existing[i];
    existing[i] = existing[j];
    existing[j] = other;
  }
}

static void find_existing(void) {
  const char* file = getenv("FAKE_GPU_FILE");
  const char* prefix = getenv("FAKE_GPU_DEVICES");
  const char* count = getenv("FAKE_GPUS");
  const char* order = getenv("CUDA_DEVICE_ORDER");
  existing_count = 0;
  if (file) {
    read_device_file(file);
  } else if (prefix) {
    try_device_nodes(prefix);
  } else {
    for (long number = 0; number < (count ? atol(count) : 4); ++number) add_existing(number);
  }
  if (is_set("FAKE_CUDA_MIXED") && !(order && strcmp(order, "PCI_BUS_ID") == 0)) reverse_existing();
}

/* ---- CUDA_VISIBLE_DEVICES -------------------------------------------------------------------- */

static int device_of_uuid(const char* entry) {
  int hit = -1;
  for (int i = 0; i < existing_count; ++i) {
    char text[64];
    uuid_text(existing[i], text);
    if (strncmp(text, entry, strlen(entry)) != 0) continue;
    if (hit >= 0) return -1; /* the beginning of two */
    hit = existing[i];
  }
  return hit;
}

static int device_of_entry(const char* entry) {
  char* end;
  if (strncmp(entry, "GPU-", 4) == 0 || strncmp(entry, "MIG-", 4) == 0) return device_of_uuid(entry);
  const long index = strtol(entry, &end, 10);
  end += strspn(end, " \t");
  return end != entry && *end == '\0' && index >= 0 && index < existing_count ? existing[index] : -1;
}

static int is_visible(int number) {
  for (int i = 0; i < visible_count; ++i) {
    if (visible[i] == number) return 1;
  }
  return 0;
}

static void apply_list(const char* list) {
  char* copy = strdup(list);
  char* rest = copy;
  for (char* entry = strsep(&rest, ","); entry && visible_count < MOST; entry = strsep(&rest, ",")) {
    const int number = device_of_entry(entry);
    if (number < 0) break;
    if (is_visible(number)) {
      visible_count = 0;
      break;
    }
    visible[visible_count++] = number;
  }
  free(copy);
}

static void find_visible(void) {
  const char* list = getenv("CUDA_VISIBLE_DEVICES");
  visible_count = 0;
  if (list) {
    apply_list(list);
  } else {
    memcpy(visible, existing, sizeof visible);
    visible_count = existing_count;
  }
}

/* ---- the driver's calls ---------------------------------------------------------------------- */

static int number_of(CUdevice device) {
  return is_initialized && device >= 0 && device < visible_count ? visible[device] : -1;
}

CUresult cuInit(unsigned int flags) {
  const char* mood = getenv("FAKE_CUINIT");
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (mood && strcmp(mood, "hang") == 0) {
    for (;;) pause();
  }
  if (mood && strcmp(mood, "crash") == 0) abort();
  if (mood && atoi(mood) != 0) return (CUresult)atoi(mood);
  find_existing();
  find_visible();
  is_initialized = visible_count > 0;
  return is_initialized ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

CUresult cuDriverGetVersion(int* version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}

#ifndef FAKE_CUDA_BROKEN
CUresult cuDeviceGetCount(int* count) {
  const char* error = getenv("FAKE_CUDA_COUNT_ERROR");
  if (!is_initialized) return CUDA_ERROR_NOT_INITIALIZED;
  if (error) return (CUresult)atoi(error);
  *count = visible_count;
  return CUDA_SUCCESS;
}
#endif

CUresult cuDeviceGet(CUdevice* device, int position) {
  if (!is_initialized) return CUDA_ERROR_NOT_INITIALIZED;
  if (position < 0 || position >= visible_count) return CUDA_ERROR_INVALID_DEVICE;
  *device = position;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int room, CUdevice device) {
  const int number = number_of(device);
  if (number < 0) return CUDA_ERROR_INVALID_DEVICE;
  snprintf(name, (size_t)room, "Stand-in GPU %d", number);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char* address, int room, CUdevice device) {
  const int number = number_of(device);
  if (number < 0) return CUDA_ERROR_INVALID_DEVICE;
  /* Capital letters, as the real one writes them: 0000:0B:00.0, 0000:0E:00.0, … */
  snprintf(address, (size_t)room, "0000:%02X:00.0", 0x0b + 3 * number);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  const int number = number_of(device);
  if (number < 0) return CUDA_ERROR_INVALID_DEVICE;
  fill_uuid(uuid, number, 0);
  return CUDA_SUCCESS;
}

#ifndef FAKE_CUDA_OLD
CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  const int number = number_of(device);
  if (number < 0) return CUDA_ERROR_INVALID_DEVICE;
  fill_uuid(uuid, number, is_set("FAKE_CUDA_MIG"));
  return CUDA_SUCCESS;
}
#endif

static const struct {
  int error;
  const char *name, *text;
} errors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static int error_row(CUresult error) {
  for (int i = 0; i < (int)(sizeof errors / sizeof *errors); ++i) {
    if (errors[i].error == (int)error) return i;
  }
  return -1;
}

CUresult cuGetErrorName(CUresult error, const char** name) {
  const int row = error_row(error);
  *name = row < 0 ? NULL : errors[row].name;
  return row < 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char** text) {
  const int row = error_row(error);
  *text = row < 0 ? NULL : errors[row].text;
  return row < 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
