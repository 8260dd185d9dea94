// How well the GPU steps of a run used their GPUs, and whether more of them at once may pay.
//
// Knows: the figures of ended attempts, how many slots share a GPU in the plan, which option changes that.
// Unaware of: how the figures were got, what else a summary tells.
#pragma once

#include <cstdint>
#include <string>

#include "gradus/outcome.h"
#include "gradus/placement.h"
#include "gradus/scheduler.h"

namespace gradus {

/// How this run's slots came to be, as far as a plan does not show it.
struct SlotLayout {
  bool master_is_a_thread = false;  ///< alone: one of --threads is the master
  bool list_says_who_shares =
      false;               ///< the GPU list names a GPU twice, or has groups: --threads alone changes nothing
  bool exclusive = false;  ///< --gpu-sharing exclusive
};

/// Mean utilisation over attempts, each weighed by how long it held its GPUs. Not by its samples: a node where a look
/// is dear looks rarely, and would count for less with GPUs that are just as much there.
class MeanGpuBusy {
 public:
  /// `held_s`: how long the attempt ran, seconds; from another rank, so it may be anything.
  void add(const GpuUse& use, double held_s);
  std::uint64_t samples() const { return samples_; }                    ///< of all; 0: nothing is known
  double mean() const { return samples_ > 0 ? busy_s_ / held_s_ : 0; }  ///< 0..1

 private:
  std::uint64_t samples_ = 0;
  double busy_s_ = 0, held_s_ = 0;
};

/// Over all attempts of which samples are known.
class GpuUseOfRun {
 public:
  void launched(const LaunchAttempt& launch) { several_each_ = several_each_ || launch.gpus.size() > 1; }
  /// `held_s`: as in MeanGpuBusy.
  void ended(const GpuUse& use, double held_s);

  bool is_known() const { return samples() > 0 || memory_mib_ > 0; }
  /// `GPU steps kept their GPU 34 % busy, at most 5.2 GiB of its memory`.
  std::string text() const;
  /// `two per GPU may pay (--threads 9)`; empty when that cannot be said: too few samples, GPUs that are busy enough,
  /// or too little memory for one attempt more.
  std::string advice(const Plan& plan, const SlotLayout& layout) const;

  std::uint64_t attempts() const { return attempts_; }
  std::uint64_t samples() const { return busy_.samples(); }
  double busy() const { return busy_.mean(); }  ///< 0..1
  std::uint32_t memory_mib() const { return memory_mib_; }
  std::uint32_t total_mib() const { return total_mib_; }  ///< of the GPU with the least

 private:
  bool fits(std::uint32_t now, std::uint32_t wanted) const;

  std::uint64_t attempts_ = 0;
  MeanGpuBusy busy_;
  std::uint32_t memory_mib_ = 0, total_mib_ = 0;
  bool several_each_ = false;  // there were attempts with more than one GPU
};

}  // namespace gradus
