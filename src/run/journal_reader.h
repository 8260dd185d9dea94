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
    bool succeeded = false;     ///< false: its last attempt failed, or was running when all ended
    double seconds = 0;         ///< duration of the attempt that succeeded
    std::uint32_t ordinal = 0;  ///< in the life in which it was started last
    std::uint32_t life = 0;     ///< that one, from 1
  };
  std::unordered_map<std::uint64_t, StepState> steps;  ///< by StepKey::key
  std::uint64_t whole_size = 0;  ///< bytes up to and including the last whole record: cut the file here
  std::uint64_t torn_bytes = 0;  ///< what stands behind it
  std::uint32_t lives = 0;
};

/// Reads a journal; nothing when there is none. A last line without its newline is torn and left out. Damage before it,
/// or another version, throws std::runtime_error with `path`, line and byte offset; a file that cannot be read throws
/// std::system_error.
std::optional<JournalStory> read_journal(const std::string& path);
/// The same from its text; `path` is for messages.
JournalStory read_journal_text(const std::string& path, std::string text);

}  // namespace gradus
