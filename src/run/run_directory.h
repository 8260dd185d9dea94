// The run directory: where a run keeps its journal, logs and summary, and the lock on it.
//
// Knows: its layout, fresh / resume / restart, locking, who may use it.
// Unaware of: what is in the journal.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace gradus {

enum class RunMode { fresh, resume, restart };

/// A refusal that the user can mend (exit code 2): the directory exists, belongs to others, is in use.
struct RunDirectoryRefused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class RunDirectory {
 public:
  /// In the file `lock`: the run has the first byte for itself. Guardians on its machine (node/guardian.h) share the
  /// second until no step of theirs is left, which can be seconds after the run was killed.
  static constexpr std::int64_t run_byte = 0, guardians_byte = 1;

  /// Makes or opens `path` and locks it for as long as this lives. Fresh: an earlier run is refused.
  /// Resume: an earlier run stays, none is no mistake. Restart: what an earlier run wrote is removed, and
  /// nothing else. Throws RunDirectoryRefused, or
  /// std::system_error when the machine refuses.
  ///
  /// Where guardians of an earlier life still end its steps it waits until they are done. `goes_on_waiting` is asked
  /// several times a second with the seconds waited so far: false refuses the directory.
  RunDirectory(const std::string& path, RunMode mode,
               const std::function<bool(double)>& goes_on_waiting = waits_long_enough);
  /// Whoever is left of an earlier life goes within its --lost-after (60 s unless told otherwise).
  static bool waits_long_enough(double waited_s) { return waited_s < 90; }
  const std::string& path() const { return path_; }  ///< absolute
  static std::string absolute(const std::string& path);
  std::string journal() const { return path_ + "/journal.jsonl"; }
  std::string summary() const { return path_ + "/summary.json"; }
  static std::string lock_of(const std::string& run_dir) { return run_dir + "/lock"; }
  /// Puts what `lives` earlier lives have written aside, into a folder of its own (core/log_names.h): files are called
  /// by ordinals, and those of this life would take their places. Returns the folder's name. Throws std::system_error.
  std::string put_logs_aside(std::uint32_t lives) const;
  /// Whether any attempt has two files of its own in `logs/`.
  bool has_outputs() const;
  /// The latest life (from 1) of which the logs were put aside; 0: of none.
  std::uint32_t logs_are_aside_until() const;
  /// Keeps a copy of the steps file's text, so that a run can be explained when the file has changed or was standard
  /// input. `ending`: of its name, `.txt` and the like. `mode`: its permission bits. Throws std::system_error.
  void keep_steps(const std::string& text, const std::string& ending, unsigned mode) const;
  /// What the user has to know: that the file system cannot lock, and so who else uses it cannot be known; that others
  /// could write to it until now.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void refuse_unsafe() const;
  void refuse_earlier_run(RunMode mode) const;
  void lock();
  bool take_lock() const;
  void close_to_others(const std::string& folder);
  void await_guardians(const std::function<bool(double)>& goes_on_waiting) const;
  void forget_earlier_run() const;

  std::string path_;
  std::vector<std::string> warnings_;
  Descriptor lock_;  // whoever holds it open holds the lock
};

/// `NAME.run` beside the steps file, `stdin.run` for `-`.
std::string default_run_directory(const std::string& steps_file);

/// True when `path` is a file that a run has written into its directory itself, or stands among its outputs.
bool is_runs_own(const std::string& run_dir, const std::string& path);

/// The copy of the steps file that a run keeps; empty when it has none.
std::string kept_steps(const std::string& run_dir);

/// Writes `text` to `path` so that a reader sees the old or the new content, never a part.
void write_atomically(const std::string& path, const std::string& text, unsigned mode = 0644);
/// The same where the disk is full, for a small file that is there: it has its place. A reader may see a part of it.
void write_in_place(const std::string& path, const std::string& text);

}  // namespace gradus
