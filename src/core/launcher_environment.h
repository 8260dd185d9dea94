// What MPI launchers put into their ranks' environment. All that is an MPI's own, and not of the standard, is here.
//
// Knows: the variables of Open MPI, of PMIx and PMI servers, and of MPICH's Hydra.
// Unaware of: MPI calls, and this process's environment (the caller asks about names).
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace gradus {

/// True for a variable that an MPI launcher put there and a step must not inherit; the user's own OMPI_MCA_ settings
/// stay. See src/DESIGN.md for the list's source.
bool is_launcher_variable(std::string_view name);

/// Any of these is set: a launcher has started this process as one of its ranks. Open MPI's mpirun; any launcher with
/// PMIx (srun --mpi=pmix too); PMI-1 and PMI-2; Hydra.
inline constexpr std::array<const char*, 4> rank_variables{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK",
                                                           "MPI_LOCALRANKID"};

/// How many ranks the launcher has started on this node: Open MPI's word, then Hydra's.
inline constexpr std::array<const char*, 2> ranks_here_variables{"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"};

/// Inside a SLURM job an mpirun of a step would start its daemons by srun and wait for ever for cores that our own
/// run holds. So it is told to stay on its node and to see nothing of SLURM (Open MPI 4.1).
inline constexpr std::array<std::pair<const char*, const char*>, 3> nested_mpirun_in_slurm{
    {{"OMPI_MCA_plm", "isolated"}, {"OMPI_MCA_ras", "^slurm"}, {"OMPI_MCA_ess", "^slurm"}}};

}  // namespace gradus
