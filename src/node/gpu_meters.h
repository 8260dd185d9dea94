// The ways to read GPUs that this machine may have.
//
// Knows: nvidia-smi, and the child of gradus itself that asks NVML (node/nvml.h); how to run them so that a sick driver
//        can hold up nobody.
// Unaware of: when and how often GPUs are read, what the figures are for.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "node/child.h"
#include "node/gpu_sampler.h"

namespace gradus {

/// Runs a program for each look; its standard output has the lines that parse_gpu_readings() reads.
class ProgramMeter : public GpuMeter {
 public:
  /// `command`: its words, the first one a path. `name`: what a person calls it. `make_words`: the words behind them
  /// for these GPUs.
  using MakeWords = std::vector<std::string> (*)(const std::vector<std::string>& gpus);
  ProgramMeter(std::vector<std::string> command, std::string name, MakeWords make_words)
      : command_(std::move(command)), name_(std::move(name)), make_words_(make_words) {}

  Answer read(const std::vector<std::string>& gpus, double limit_s, const std::atomic<bool>& give_up) override;

 private:
  pid_t start(const std::vector<std::string>& words, int& out, std::string& problem) const;

  std::vector<std::string> command_;
  std::string name_;
  MakeWords make_words_;
  ChildStack stack_;
  pid_t stuck_ = -1;  // one that KILL did not end: no other is started beside it
};

/// Where `nvidia-smi` is in `path` (as in the variable PATH); empty when it is not there.
std::string find_nvidia_smi(std::string_view path);
/// Its words for these GPUs: asked for alone where all are whole UUIDs, since each GPU more takes its time.
std::vector<std::string> nvidia_smi_words(const std::vector<std::string>& gpus);

/// Those that may work here, the best first: NVML where this program was built with its header, nvidia-smi where it is.
std::vector<std::unique_ptr<GpuMeter>> gpu_meters();
/// True for an identity (VisibleGpu::identity) by which they can find a GPU: a UUID, or an index in the order of PCI
/// addresses.
bool can_be_read(const std::string& identity);

}  // namespace gradus
