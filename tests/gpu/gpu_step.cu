// A step that really uses its GPUs: `gpu_step POSITION…` runs a kernel on each device given, checks what
// it computed and prints `POSITION UUID`. Without arguments it takes all devices it can see, and says
// "skipped" with exit code 77 where there is none.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int count = 1 << 16;
constexpr int skipped = 77;

__global__ void collatz_lengths(int* lengths, int from) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  int length = 0;
  for (long long n = from + i; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) ++length;
  lengths[i] = length;
}

int expected_length(long long n) {
  int length = 0;
  for (; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) ++length;
  return length;
}

bool succeeded(cudaError_t result, int position, const char* call) {
  if (result == cudaSuccess) return true;
  std::fprintf(stderr, "gpu_step: device %d: %s: %s\n", position, call, cudaGetErrorString(result));
  return false;
}

bool compute(int position, int from, std::vector<int>& lengths) {
  const size_t bytes = lengths.size() * sizeof(int);
  int* on_device = nullptr;
  if (!succeeded(cudaMalloc(&on_device, bytes), position, "cudaMalloc")) return false;
  collatz_lengths<<<count / 256, 256>>>(on_device, from);
  const bool ok = succeeded(cudaGetLastError(), position, "launch") &&
                  succeeded(cudaMemcpy(lengths.data(), on_device, bytes, cudaMemcpyDeviceToHost), position, "copy");
  cudaFree(on_device);
  return ok;
}

bool is_right(const std::vector<int>& lengths, int position, int from) {
  for (int i = 0; i < count; ++i) {
    const int expected = expected_length(from + i);
    if (lengths[i] == expected) continue;
    std::fprintf(stderr, "gpu_step: device %d: %d gave %d, not %d\n", position, from + i, lengths[i], expected);
    return false;
  }
  return true;
}

bool print_uuid(int position) {
  cudaDeviceProp properties{};
  if (!succeeded(cudaGetDeviceProperties(&properties, position), position, "cudaGetDeviceProperties")) return false;
  std::printf("%d GPU", position);
  for (int i = 0; i < 16; ++i) {
    const bool dash = i == 0 || i == 4 || i == 6 || i == 8 || i == 10;
    std::printf("%s%02x", dash ? "-" : "", static_cast<unsigned char>(properties.uuid.bytes[i]));
  }
  std::printf("\n");
  return true;
}

bool step_on(int position) {
  const int from = 1 + position * count;  // other numbers on every device
  std::vector<int> lengths(count);
  return succeeded(cudaSetDevice(position), position, "cudaSetDevice") && compute(position, from, lengths) &&
         is_right(lengths, position, from) && print_uuid(position);
}

/// All positions, or none with the reason printed. The count is looked at only after success: on an
/// error it is left as it was.
int all_positions(std::vector<int>& positions) {
  int devices = 0;
  const cudaError_t result = cudaGetDeviceCount(&devices);
  if (result == cudaErrorNoDevice || result == cudaErrorInsufficientDriver || (result == cudaSuccess && devices == 0)) {
    std::printf("skipped: no GPU here (%s)\n", cudaGetErrorString(result));
    return skipped;
  }
  if (!succeeded(result, -1, "cudaGetDeviceCount")) return 1;
  for (int i = 0; i < devices; ++i) positions.push_back(i);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<int> positions;
  for (int i = 1; i < argc; ++i) positions.push_back(std::atoi(argv[i]));
  if (positions.empty()) {
    if (const int code = all_positions(positions)) return code;
  }
  for (const int position : positions) {
    if (!step_on(position)) return 1;
  }
  return 0;
}
