#include "mpi_environment.h"

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "core/launcher_environment.h"

namespace gradus {
namespace {

bool is_set(const char* name) { return std::getenv(name) != nullptr; }

int as_int(std::size_t size) {
  if (size > 0x7fffffff) throw std::length_error("a message of more than 2 GiB at the start");
  return static_cast<int>(size);
}

}  // namespace

Launch how_launched() {
  for (const char* name : rank_variables) {
    if (is_set(name)) return Launch::by_mpi;
  }
  // A step of ours inside SLURM inherits the task count of the step that runs us: not several masters.
  const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  const bool nested = is_set("GRADUS_STEP");
  return tasks != nullptr && std::atoi(tasks) > 1 && !nested ? Launch::without_pmi : Launch::alone;
}

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  // Open MPI: "Open MPI v4.1.4, package: …"; MPICH: "MPICH Version:\t4.0.2\n…".
  std::string name(text, strcspn(text, ",\n"));
  std::replace(name.begin(), name.end(), '\t', ' ');
  return name;
}

std::string mpi_built_with() {
#if defined(OMPI_MAJOR_VERSION)
  return fmt::format("Open MPI {}.{}.{}", OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION, OMPI_RELEASE_VERSION);
#elif defined(MPICH_VERSION)
  return "MPICH " MPICH_VERSION;
#else
  return "an MPI that does not tell its name";
#endif
}

std::string mpi_standard() { return fmt::format("{}.{}", MPI_VERSION, MPI_SUBVERSION); }

MpiEnvironment::MpiEnvironment() {
  int provided = 0;
  // Only this thread calls MPI; slot threads never do.
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
    throw std::runtime_error("MPI_Init_thread failed");
  }
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  rank_ = static_cast<std::uint32_t>(rank);
  size_ = static_cast<std::uint32_t>(size);
}

MpiEnvironment::~MpiEnvironment() {
  if (!abandoned_) MPI_Finalize();
}

std::string MpiEnvironment::broadcast(std::string bytes) const {
  int size = as_int(bytes.size());
  MPI_Bcast(&size, 1, MPI_INT, 0, MPI_COMM_WORLD);
  bytes.resize(static_cast<std::size_t>(size));
  MPI_Bcast(bytes.data(), size, MPI_BYTE, 0, MPI_COMM_WORLD);
  return bytes;
}

std::vector<std::string> MpiEnvironment::gather(const std::string& bytes) const {
  const int size = as_int(bytes.size());
  std::vector<int> sizes(rank_ == 0 ? size_ : 0), starts;
  MPI_Gather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, 0, MPI_COMM_WORLD);
  std::size_t total = 0;
  for (const int one : sizes) {
    starts.push_back(as_int(total));
    total += static_cast<std::size_t>(one);
  }
  std::string all(static_cast<std::size_t>(as_int(total)), '\0');
  MPI_Gatherv(bytes.data(), size, MPI_BYTE, all.data(), sizes.data(), starts.data(), MPI_BYTE, 0, MPI_COMM_WORLD);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    result.push_back(all.substr(static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(sizes[i])));
  }
  return result;
}

std::string MpiEnvironment::scatter(const std::vector<std::string>& all) const {
  std::vector<int> sizes, starts;
  std::string joined;
  for (const auto& one : all) {
    sizes.push_back(as_int(one.size()));
    starts.push_back(as_int(joined.size()));
    joined += one;
  }
  int size = 0;
  MPI_Scatter(sizes.data(), 1, MPI_INT, &size, 1, MPI_INT, 0, MPI_COMM_WORLD);
  std::string mine(static_cast<std::size_t>(size), '\0');
  MPI_Scatterv(joined.data(), sizes.data(), starts.data(), MPI_BYTE, mine.data(), size, MPI_BYTE, 0, MPI_COMM_WORLD);
  return mine;
}

NodePlace find_node_place(const MpiEnvironment& mpi, bool has_slots) {
  const int world_rank = static_cast<int>(mpi.rank());
  MPI_Comm node = MPI_COMM_NULL, workers = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world_rank, MPI_INFO_NULL, &node);
  int lowest = world_rank;
  MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT, MPI_MIN, node);
  MPI_Comm_split(node, has_slots ? 0 : MPI_UNDEFINED, world_rank, &workers);
  int local_rank = 0;
  if (workers != MPI_COMM_NULL) {
    MPI_Comm_rank(workers, &local_rank);
    MPI_Comm_free(&workers);
  }
  int ranks = 1;
  MPI_Comm_size(node, &ranks);
  MPI_Comm_free(&node);
  return {static_cast<std::uint32_t>(lowest), static_cast<std::uint32_t>(local_rank),
          static_cast<std::uint32_t>(ranks)};
}

}  // namespace gradus
