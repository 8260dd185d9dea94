// The guardian: a small process beside each rank that ends the rank's steps when the rank is gone.
//
// Knows: the process groups of the steps that run now (a table in shared memory), and whether the rank lives, is
//        stopped or hangs.
// Unaware of: what the steps are, MPI, the run directory.
//
// Why a process of its own: the kernel's parent-death signal reaches only a step's first process, not
// what that has started; and a rank that was killed or stopped can do nothing any more.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gradus {

/// What rank and guardian share. A cell holds a process group's id, 0 when its slot is free.
struct GuardianTable {
  static constexpr std::uint32_t capacity = 4095;  ///< slots of one rank
  /// What the guardian writes for a rank that can no more.
  struct LastWord {
    char file[4096];  ///< empty: nothing
    char text[256];
    bool append;
  };
  static constexpr std::size_t last_words = 4;
  std::atomic<std::uint32_t> grace_ms;   ///< from TERM to KILL
  std::atomic<pid_t> rank_pid;           ///< whom it watches
  std::atomic<std::uint32_t> beats;      ///< the rank counts it up as long as it moves; 0: it does not
  std::atomic<std::uint32_t> silent_s;   ///< seconds without a beat after which the rank hangs; 0: never
  std::atomic<std::uint32_t> is_paused;  ///< a Pause (node/signals.h)
  std::atomic<std::uint32_t> has_begun;  ///< there may be steps: a rank that is stopped keeps them from ending
  std::atomic<std::uint32_t> ranks_beside_master;  ///< on this machine, the master among them; 0: it is on another
  LastWord words[last_words];
  char lock_file[4096];  ///< see Guardian::hold
  std::int64_t lock_byte;
  std::atomic<std::int32_t> lock_taken;     ///< 1: it is; -1: it cannot be; 0: not yet
  char lineage[128];                        ///< of the rank's steps (node/leftovers.h); empty: none yet
  std::atomic<pid_t> groups[capacity + 1];  ///< of the slots, and last of the notifier
};

/// The rank's side. Start it before MPI_Init and before any thread: the guardian must not hold MPI's
/// sockets. Throws std::system_error when no process can be started. It is the running program itself, started again
/// with `__guardian`: the program's main() has to call guardian_main() then.
class Guardian {
 public:
  Guardian();
  /// Tells the guardian that all is well: it goes without touching anything.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  std::atomic<pid_t>* cell(std::uint32_t slot) { return &table_->groups[slot]; }
  /// For the command of --notify.
  std::atomic<pid_t>* notifier_cell() { return &table_->groups[GuardianTable::capacity]; }
  void set_grace(double seconds) { table_->grace_ms = static_cast<std::uint32_t>(seconds * 1000); }
  /// Call it at least once a second from then on when watch() has been told a silence.
  void beat() { table_->beats.fetch_add(1, std::memory_order_relaxed); }
  /// A rank that has not beaten for `silent_s` seconds, and does not wait for a disk, is killed after its steps (0: it
  /// may be silent).
  void watch(double silent_s) { table_->silent_s = static_cast<std::uint32_t>(std::ceil(silent_s)); }
  /// From now on there may be steps, and a rank that is stopped is killed after them. One that only looks at something,
  /// waits for its input or prints its plan may be stopped for as long as its user likes.
  /// `ranks_beside_master`: how many the run has on this machine, rank 0 among them; 0 where rank 0 is on another. When
  /// all of these are stopped the run is paused; elsewhere rank 0 may go on, and give the steps here to others.
  void set_begun(std::uint32_t ranks_beside_master) {
    table_->ranks_beside_master = ranks_beside_master;
    table_->has_begun = 1;
  }
  /// When the rank is gone without a word and its steps have ended, `text` is written to `file` (appended to it, or in
  /// place of what is there). At most GuardianTable::last_words; of a length that the table holds.
  /// False where it does not fit.
  bool set_last_word(const std::string& file, const std::string& text, bool append);
  void forget_last_word(const std::string& file);
  /// The text is replaced where there is one for that file and the new one fits; at no moment there is none.
  void change_last_word(const std::string& file, const std::string& text);
  /// From now on until the guardian goes it has a shared lock on that byte of the file (an open-file-description lock):
  /// so others can tell that steps of a rank that is gone are still being ended. Once. Returns when it is there, or
  /// cannot be had, or after a second.
  void hold(const std::string& lock_file, std::int64_t byte);
  /// How its steps' processes are known that have left their groups. Once, before the first step.
  void set_lineage(const std::string& rank_lineage);
  /// From now on the rank may be silent.
  void stop_watching() { table_->silent_s = 0; }
  /// All is well: the guardian goes without touching anything. For those who leave by _exit.
  void dismiss();
  /// Set while this process is stopped by its own will, so that the guardian lets it be.
  std::atomic<std::uint32_t>* paused_cell() { return &table_->is_paused; }
  pid_t pid() const { return pid_; }

 private:
  GuardianTable* table_ = nullptr;
  int alive_fd_ = -1;  // its other end reads end-of-file when this process is gone
  pid_t pid_ = -1;
};

/// Seconds for which a rank may be stopped (SIGSTOP) before its steps are ended and it is killed; not where all of
/// several ranks on rank 0's machine are: that is a pause.
inline constexpr int stopped_rank_s = 5;

/// The guardian's own main (`gradus __guardian`): descriptor 0 is the pipe, 1 the table.
int guardian_main();

}  // namespace gradus
