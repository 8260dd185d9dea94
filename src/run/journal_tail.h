// A journal on disk that may be growing, and whether its run still goes on.
//
// Knows: reading on from where it was, a journal begun anew, the run's lock. Never locks anything and never writes.
// Unaware of: what the records mean.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "run/chronicle.h"

namespace gradus {

class JournalTail {
 public:
  /// Throws std::runtime_error when `path` cannot be read, or is of another version.
  explicit JournalTail(std::string path);
  ~JournalTail();
  /// Takes in what was added since; true when something was. A journal that was begun anew is read anew.
  /// Never locks anything and never writes.
  bool read();
  const Chronicle& chronicle() const { return *chronicle_; }
  /// Empty, or where the journal is damaged: what stands behind that is not known.
  std::string damage() const;
  std::uint64_t bytes() const { return taken_; }

 private:
  void begin_anew();

  std::string path_;
  std::unique_ptr<Chronicle> chronicle_;
  std::unique_ptr<JournalRecords> records_;
  std::uint64_t taken_ = 0;
  std::uint64_t inode_ = 0;
};

/// Whether a run still goes on, as far as can be seen from here.
enum class RunPulse : std::uint8_t {
  runs,        ///< its lock is held
  over,        ///< its journal ends with its end
  broken_off,  ///< nobody holds its lock, and its journal has no end: killed, or its machine went down
  unknown      ///< its lock cannot be looked at
};
RunPulse pulse_of(const std::string& run_dir, const Chronicle& chronicle);
/// The same, with another look at the journal where it seems broken off: the run may have ended after the journal was
/// read and before its lock was looked at.
RunPulse pulse_of(const std::string& run_dir, JournalTail& journal);

}  // namespace gradus
