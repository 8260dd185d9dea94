// When the allocation that this process runs in ends.
//
// Knows: SLURM's variables and squeue. Unaware of: what is done about it.
#pragma once

#include <optional>
#include <string>

namespace gradus {

struct AllocationEnd {
  double epoch_s = 0;  ///< seconds since the Unix epoch
  std::string source;  ///< `SLURM_JOB_END_TIME`, `squeue`
};

/// From SLURM_JOB_END_TIME, else by asking squeue (at most three seconds); nullopt outside of SLURM, when
/// the job has no limit, or when nobody answers.
std::optional<AllocationEnd> end_of_allocation();

}  // namespace gradus
