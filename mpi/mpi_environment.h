// Starting and leaving MPI, and the exchanges before a run.
//
// Knows: whether an MPI launcher started us, our rank and size, and collective exchanges of bytes.
// Unaware of: steps, slots, plans. After the start no collective is used any more: one would hang on a
// rank that is lost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

/// How this process was started, from its environment alone (no MPI call).
enum class Launch {
  alone,       ///< no MPI launcher
  by_mpi,      ///< MPI_Init will find the others
  without_pmi  ///< several SLURM tasks and no PMI: N masters would start; refuse and name --mpi=pmix
};
Launch how_launched();

/// The library's name and version, without what it says on how it was built. May be called before MPI has started.
std::string mpi_library();
/// The library whose header this was compiled with, and the version of the standard that it has.
std::string mpi_built_with();
std::string mpi_standard();

/// MPI from its start to its end; one per process. All calls from the thread that made it.
class MpiEnvironment {
 public:
  MpiEnvironment();
  /// MPI_Finalize, unless abandoned.
  ~MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;

  /// A rank was lost: MPI_Finalize would hang on it (seen with Open MPI 4.1, one time in five). The process is then to
  /// leave by _exit, since MPI's own exit handlers wait for others too.
  void abandon() const { abandoned_ = true; }
  bool abandoned() const { return abandoned_; }

  std::uint32_t rank() const { return rank_; }
  std::uint32_t size() const { return size_; }

  /// Collective: everybody gets rank 0's bytes.
  std::string broadcast(std::string bytes) const;
  /// Collective: rank 0 gets everybody's bytes, by rank; others get nothing.
  std::vector<std::string> gather(const std::string& bytes) const;
  /// Collective: each rank gets its entry of rank 0's list.
  std::string scatter(const std::vector<std::string>& all) const;

 private:
  std::uint32_t rank_ = 0;
  std::uint32_t size_ = 1;
  mutable bool abandoned_ = false;
};

struct NodePlace {
  std::uint32_t node = 0;        ///< the lowest rank of the node
  std::uint32_t local_rank = 0;  ///< among the node's ranks that have slots, in rank order
  std::uint32_t ranks = 1;       ///< of the node, with slots or without
};

/// Collective. Nodes are the ranks that can share memory; never the launcher's local rank, which counts
/// the master and under SLURM is the daemon's.
NodePlace find_node_place(const MpiEnvironment& mpi, bool has_slots);

}  // namespace gradus
