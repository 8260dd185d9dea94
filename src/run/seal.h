// The checksum at the end of each record of the journal.
//
// Knows: how it is put on and checked. Unaware of: what the record says.
//
// Why: a flipped bit in a digit leaves the JSON whole, and a success would be forgotten or invented.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gradus {

/// Makes of the object that begins at `begin` in `text` and ends it a whole record: its last key becomes `"x"`, the low
/// half of the XXH3 of what stands before, then a newline.
void seal_record(std::string& text, std::size_t begin);

/// `record` without its newline.
bool is_sealed(std::string_view record);

}  // namespace gradus
