// What `gradus doctor` learns of each rank, and what is wrong with it.
//
// Knows: which of the facts a run can do without, and the mend for each.
// Unaware of: how the facts were gathered.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gradus/placement.h"

namespace gradus {

/// What came of trying to lock the probe file, which rank 0 has locked.
enum class ProbeLock : std::uint8_t {
  held,     ///< refused, as it must be: locks work
  ignored,  ///< granted a second time
  broken,   ///< the file system has no locks
  unknown   ///< not tried
};

struct RankHealth {
  RankReport report;
  std::string version;       ///< of this rank's gradus
  std::string gpu_note;      ///< how the GPUs were learnt of
  bool gpu_trouble = false;  ///< a driver is there and does not answer
  std::uint32_t machine_cores = 0;
  std::uint64_t open_files = 0, open_files_hard = 0;  ///< RLIMIT_NOFILE; 0: unlimited
  std::uint64_t processes = 0;                        ///< RLIMIT_NPROC; 0: unlimited
  std::uint64_t memory_kib = 0;                       ///< of the machine
  std::uint64_t memory_limit_kib = 0;                 ///< of the cgroup or RLIMIT_AS; 0: none
  std::uint64_t shm_free_kib = 0;                     ///< of /dev/shm
  std::string mpi_library;
  std::vector<std::pair<std::string, std::string>> variables;  ///< visible devices, SLURM's, our own
  double clock_s = 0;                                          ///< seconds since 1970 when it was asked
  double asked_s = 0, answered_s = 0;  ///< rank 0's clock before it asked and when all had answered; not sent
  std::string file_system;             ///< of the shared folder: `nfs`, `ext4`, …
  bool sees_probe = false;             ///< what rank 0 has written there
  bool can_write = false;
  ProbeLock lock = ProbeLock::unknown;
  bool operator==(const RankHealth&) const = default;
};

enum class Severity : std::uint8_t {
  note,     ///< good to know
  warning,  ///< a run works, but not as it could
  error     ///< a run does not work
};
const char* word(Severity severity);

struct Finding {
  Severity severity = Severity::note;
  std::string where;  ///< host, or host and rank; empty: everywhere
  std::string what;   ///< what is wrong, what comes of it, and the mend
  bool operator==(const Finding&) const = default;
};

/// The worst first; the same on many ranks of a host once.
/// `without_pmi`: SLURM has started several tasks that know nothing of each other.
std::vector<Finding> findings(const std::vector<RankHealth>& ranks, const std::string& shared_folder, bool without_pmi);

std::string health_text(const std::vector<RankHealth>& ranks, const std::vector<Finding>& found);
/// `{"schema":"gradus-doctor/1","ranks":[…],"findings":[…]}`
std::string health_json(const std::vector<RankHealth>& ranks, const std::vector<Finding>& found);

}  // namespace gradus
