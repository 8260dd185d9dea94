// Looks at the GPUs of a rank every few seconds while GPU steps run on them.
//
// Knows: when to look, what a look may cost, when to let it be for good.
// Unaware of: how GPUs are read (GpuMeter), what the figures are for.
//
// Each rank looks at the GPUs of its own slots: so no rank waits for another's word, one that is lost takes no figures
// of others with it, and nothing crosses the wire but what an attempt's end carries anyway.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/gpu_samples.h"
#include "gradus/attempt.h"
#include "gradus/placement.h"

namespace gradus {

/// A way to read GPUs.
class GpuMeter {
 public:
  struct Answer {
    std::vector<GpuReading> readings;
    std::string problem;  ///< why there are none; empty when there are some
    double cpu_s = 0;     ///< CPU time that it took, seconds
  };
  virtual ~GpuMeter() = default;
  /// Reads the GPUs of these identities, and perhaps others. Returns within `limit_s` seconds and a little, or soon
  /// after `give_up` has become true.
  virtual Answer read(const std::vector<std::string>& gpus, double limit_s, const std::atomic<bool>& give_up) = 0;
};

struct SamplingPace {
  double every_s = 5;
  double cpu_share = 0.005;  ///< of one core: looks become rarer where they would take more
  double limit_s = 10;       ///< for one look
  int failures = 3;          ///< in a row, after which it lets it be
};

class GpuSampler {
 public:
  /// `gpus`: for each slot the identities of its GPUs; an empty one is not looked at. The first of `meters` that gives
  /// anything is used. `tell` gets one line at most, on another thread. All signals must be blocked in the caller: the
  /// thread made here inherits that.
  GpuSampler(const std::vector<std::vector<std::string>>& gpus, std::vector<std::unique_ptr<GpuMeter>> meters,
             SamplingPace pace, std::function<void(const std::string&)> tell);
  /// Does not wait for a look that hangs.
  ~GpuSampler();
  GpuSampler(const GpuSampler&) = delete;
  GpuSampler& operator=(const GpuSampler&) = delete;

  /// An attempt has begun on `slot`; `gpus` are (slot, index into that slot's GPUs), as in AttemptOrder. Any thread.
  void began(std::uint32_t slot, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& gpus);
  /// It has ended; what its GPUs did meanwhile. Any thread.
  GpuUse ended(std::uint32_t slot);

 private:
  void run();
  bool sleep_until_next(std::unique_lock<std::mutex>& lock);
  GpuMeter::Answer look(const std::vector<std::string>& gpus);
  void take(const GpuMeter::Answer& answer, double asked_at);

  static constexpr std::uint32_t not_looked_at = ~0U;
  std::vector<std::vector<std::uint32_t>> indices_;  // by slot and GPU: into the identities that samples_ has
  std::vector<std::unique_ptr<GpuMeter>> meters_;    // as soon as one has answered, that alone
  SamplingPace pace_;
  std::function<void(const std::string&)> tell_;
  std::atomic<bool> closing_{false};

  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  GpuSamples samples_;
  bool idle_ = true;  // the thread waits for something to run
  bool let_be_ = false;
  double next_ = 0;
  int failures_ = 0;

  std::thread thread_;  // last: starts when all else is there
};

/// Null when there is nothing to look at, no way to, or when the settings say so.
std::unique_ptr<GpuSampler> make_gpu_sampler(const PlannedRank& rank, const RunSettings& settings);

}  // namespace gradus
