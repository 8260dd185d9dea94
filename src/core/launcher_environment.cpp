#include "core/launcher_environment.h"

#include <algorithm>

namespace gradus {
namespace {

// What Open MPI 4.1's mpirun, MPICH 4.0's Hydra and a PMIx or PMI server put into a rank's environment, seen by
// comparing the environments inside and outside. A step that kept them would join our run as a rank or abort.
constexpr std::array<std::string_view, 15> prefixes{"PMIX_",
                                                    "PMI_",
                                                    "OMPI_COMM_WORLD_",
                                                    "OMPI_APP_CTX_",
                                                    "OMPI_ARGV",
                                                    "OMPI_COMMAND",
                                                    "OMPI_FILE_LOCATION",
                                                    "OMPI_FIRST_RANKS",
                                                    "OMPI_NUM_APP_CTX",
                                                    "OMPI_UNIVERSE_SIZE",
                                                    "OMPI_MCA_ess_",
                                                    "OMPI_MCA_initial_wdir",
                                                    "OMPI_MCA_orte_",
                                                    "OMPI_MCA_mpi_oversubscribe",
                                                    "HYDI_"};
constexpr std::array<std::string_view, 7> exact{
    "OMPI_MCA_ess", "OMPI_MCA_pmix", "OMPI_MCA_shmem_RUNTIME_QUERY_hint", "MPI_LOCALNRANKS", "MPI_LOCALRANKID",
    "MPIR_CVAR_CH3_INTERFACE_HOSTNAME",
    // Ours: a gradus inside a step would tell our launcher that the run is over.
    "GRADUS_STATUS_FILE"};

}  // namespace

bool is_launcher_variable(std::string_view name) {
  return std::find(exact.begin(), exact.end(), name) != exact.end() ||
         std::any_of(prefixes.begin(), prefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace gradus
