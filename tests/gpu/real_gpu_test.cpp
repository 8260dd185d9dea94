// On a machine with a GPU: what the discovery says and what a CUDA program finds must be the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>

#include "node/gpu_discovery.h"

namespace gradus {
namespace {

std::string output_of(const std::string& command, int& status) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  status = pclose(pipe);
  return output;
}

/// `POSITION UUID` lines, with the prefix that a CUDA program cannot know (GPU or MIG) put right.
std::string expected_lines(const GpuDiscovery& found) {
  std::string lines;
  for (std::size_t i = 0; i < found.gpus.size(); ++i) {
    lines += std::to_string(i) + " GPU" + found.gpus[i].identity.substr(3) + "\n";
  }
  return lines;
}

TEST(RealGpu, discovery_and_a_cuda_program_agree_on_every_position) {
  const GpuDiscovery found = discover_gpus({GRADUS_GPU_PROBE});
  if (found.gpus.empty() || found.source != GpuSource::driver) GTEST_SKIP() << "no GPU here: " << describe_gpus(found);
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);
  int status = 0;
  EXPECT_EQ(output_of(GRADUS_GPU_STEP, status), expected_lines(found));
  EXPECT_EQ(status, 0);
}

TEST(RealGpu, a_token_alone_in_the_visible_list_shows_the_same_device) {
  const GpuDiscovery all = discover_gpus({GRADUS_GPU_PROBE});
  if (all.gpus.empty() || all.source != GpuSource::driver) GTEST_SKIP() << "no GPU here: " << describe_gpus(all);
  for (const VisibleGpu& gpu : all.gpus) {
    setenv("CUDA_VISIBLE_DEVICES", gpu.token.c_str(), 1);
    const GpuDiscovery one = discover_gpus({GRADUS_GPU_PROBE});
    ASSERT_EQ(one.gpus.size(), 1U) << gpu.token;
    EXPECT_EQ(one.gpus[0].identity, gpu.identity);
  }
}

}  // namespace
}  // namespace gradus
