// The guardian: a small process beside each rank that ends the rank's steps when the rank is gone.
//
// Knows: the process groups of the steps that run now (a table in shared memory), and whether the rank lives.
// Unaware of: what the steps are, MPI, the run directory.
//
// Why a process of its own: the kernel's parent-death signal reaches only a step's first process, not
// what that has started; and a rank that was killed can do nothing any more.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace gradus {

/// What rank and guardian share. A cell holds a process group's id, 0 when its slot is free.
struct GuardianTable {
  static constexpr std::uint32_t capacity = 4095;  ///< slots of one rank
  std::atomic<std::uint32_t> grace_ms;             ///< from TERM to KILL
  std::atomic<pid_t> groups[capacity];
};

/// The rank's side. Start it before MPI_Init and before any thread: the guardian must not hold MPI's
/// sockets. Throws std::system_error when no process can be started.
class Guardian {
 public:
  Guardian();
  /// Tells the guardian that all is well: it goes without touching anything.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  std::atomic<pid_t>* cell(std::uint32_t slot) { return &table_->groups[slot]; }
  void set_grace(double seconds) { table_->grace_ms = static_cast<std::uint32_t>(seconds * 1000); }
  pid_t pid() const { return pid_; }

 private:
  GuardianTable* table_ = nullptr;
  int alive_fd_ = -1;  // its other end reads end-of-file when this process is gone
  pid_t pid_ = -1;
};

/// The guardian's own main (`gradus __guardian`): descriptor 0 is the pipe, 1 the table.
int guardian_main();

}  // namespace gradus
