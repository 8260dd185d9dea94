// What an earlier life left in the journal.
//
// Knows: the records that matter for going on, a torn last line, damage.
// Unaware of: the present steps file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace gradus {

struct JournalStory {
  struct StepState {
    std::uint64_t digest = 0;
    bool succeeded = false;  ///< false: its last attempt failed, or was running when all ended
    double seconds = 0;      ///< duration of the attempt that succeeded
  };
  std::unordered_map<std::uint64_t, StepState> steps;  ///< by StepKey::key
  std::uint64_t whole_size = 0;  ///< bytes up to and including the last whole record: cut the file here
  std::uint64_t torn_bytes = 0;  ///< what stands behind it
  std::uint32_t lives = 0;
};

/// Reads the journal's text (move it in: it can be hundreds of megabytes). A last line without its newline
/// is torn and left out. Damage before it, or another version, throws std::runtime_error with `path`, line
/// and byte offset.
JournalStory read_journal(const std::string& path, std::string text);

/// Where a step stands: the latest attempt of the latest life in which it was started.
struct FoundStep {
  std::uint32_t ordinal = 0, attempt = 0;
  std::uint32_t worker = 0, slot = 0;  ///< `slot` within the worker
  bool is_running = false;
};
/// `name` is an id; where no step has that, an ordinal. Reads a journal that may be being written. Nothing when the
/// step was never started. Throws std::runtime_error when there is no such journal.
std::optional<FoundStep> find_step(const std::string& path, const std::string& name);

}  // namespace gradus
