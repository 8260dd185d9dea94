// Readings of GPUs, and what they say of the attempts that ran meanwhile.
//
// Knows: the lines in which readings come (those of nvidia-smi), which of them fall into which attempt.
// Unaware of: who reads, clocks and threads (moments come in as values), steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/outcome.h"

namespace gradus {

/// One GPU at one moment. What is not told is absent: MIG instances know no utilisation, some models no memory.
struct GpuReading {
  std::string uuid;
  std::optional<std::uint32_t> index;  ///< in the order of PCI addresses
  std::optional<float> busy;           ///< utilisation over the driver's last sample period, 0..1
  std::optional<std::uint32_t> memory_mib, total_mib;
  bool operator==(const GpuReading&) const = default;

  /// `identity`: as VisibleGpu::identity; a UUID, the beginning of one, or an index as text.
  bool is_of(std::string_view identity) const;
};

/// The fields to ask nvidia-smi for (`--query-gpu=…`), in the order in which the reader below wants them.
inline constexpr const char* gpu_reading_fields = "index,uuid,utilization.gpu,memory.used,memory.total";
/// Reads lines `0, GPU-…, 34, 1234, 81559`: per cent and MiB, with or without their units; `[N/A]`, `[Not Supported]`
/// and whatever else is no number is not known. Lines of another form are left out.
std::vector<GpuReading> parse_gpu_readings(std::string_view lines);
/// One such line with its newline, for those who read GPUs by other means.
std::string gpu_reading_line(const GpuReading& reading);

/// Puts readings down to the attempts that run. One attempt a slot at a time. Moments are seconds on one clock.
class GpuSamples {
 public:
  /// What a driver says of utilisation is of a past period, up to this long: it is not put down to attempts that began
  /// within it, and could have to do with the one before.
  static constexpr double driver_period_s = 1;

  /// The identities of the GPUs; they are known by their index from here on.
  explicit GpuSamples(std::vector<std::string> identities) : identities_(std::move(identities)) {}

  void began(std::uint32_t slot, std::vector<std::uint32_t> gpus, double now);
  /// What is known of the attempt that ran there.
  GpuUse ended(std::uint32_t slot);
  bool nothing_runs() const { return running_.empty(); }
  /// The identities of the GPUs that are used now, each once.
  std::vector<std::string> used_now() const;
  /// Takes what was read after it was asked for at `asked_at`: for attempts that had begun then, and still run now.
  void take(const std::vector<GpuReading>& readings, double asked_at);

 private:
  struct Running {
    std::uint32_t slot = 0;
    std::vector<std::uint32_t> gpus;
    double since = 0;
    GpuUse use;
    double busy_sum = 0;
    std::uint64_t busy_count = 0;
  };
  void add(const GpuReading& reading, bool is_all_its_own, Running& attempt) const;

  std::vector<std::string> identities_;
  std::vector<Running> running_;
};

}  // namespace gradus
