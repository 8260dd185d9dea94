// A journal's file, some megabytes at a time: it may have hundreds.
//
// Knows: reading on where records broke off. Unaware of: what they mean, who writes there.
#pragma once

#include <cstdint>

#include "run/journal_records.h"

namespace gradus {

struct BytesRead {
  std::uint64_t taken = 0;
  std::uint64_t left = 0;  ///< of a record that is not whole
};

/// Gives `records` what stands in `file` from byte `from` on, up to its end, the first damage, or a record that is not
/// whole. Throws std::system_error when the file cannot be read, and what
/// JournalRecords::read() throws.
BytesRead read_in_pieces(int file, std::uint64_t from, JournalRecords& records);

}  // namespace gradus
