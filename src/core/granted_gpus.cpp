#include "core/granted_gpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/launcher_environment.h"

namespace gradus {
namespace {

/// `2`, `model:2`; 0 if not set.
std::size_t count_in(const char* value) {
  if (value == nullptr) return 0;
  const char* colon = std::strrchr(value, ':');
  const long count = std::atol(colon != nullptr ? colon + 1 : value);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t count_ranks_here(const VariableLookup& variable) {
  std::size_t most = 0;
  for (const auto* name : ranks_here_variables) most = std::max(most, count_in(variable(name)));
  return most;
}

std::string gpus(std::size_t count) { return fmt::format("{} GPU{}", count, count == 1 ? "" : "s"); }

}  // namespace

std::string doubt_about_grant(const GpuDiscovery& found, const VariableLookup& variable) {
  if (variable("SLURM_JOB_ID") == nullptr) return "";
  const auto granted = count_in(variable("SLURM_GPUS_ON_NODE")), seen = found.gpus.size();
  // mpirun has its daemons started by srun, one task a node, and SLURM gives that task the GPUs of one task.
  const auto per_task = count_in(variable("SLURM_GPUS_PER_TASK")), ranks_here = count_ranks_here(variable);
  if (granted > 0 && per_task * ranks_here > granted) {
    return fmt::format(
        "with --gpus-per-task mpirun gets there {} for {} ranks: use --gpus-per-node in its place, or srun --mpi=pmix",
        gpus(granted), ranks_here);
  }
  if (found.inherited || (seen <= granted && (seen > 0 || granted == 0))) return "";
  if (granted == 0) {
    return fmt::format(
        "{} can be seen, but SLURM granted this job none there: ask for some (--gpus-per-node=N), or name them with "
        "--gpus if SLURM does not manage GPUs here",
        gpus(seen));
  }
  return fmt::format(
      "SLURM granted {}, {} can be seen, and no CUDA_VISIBLE_DEVICES says which: leave out --gpu-bind=none, or name "
      "them with --gpus",
      gpus(granted), seen == 0 ? "none" : std::to_string(seen));
}

}  // namespace gradus
