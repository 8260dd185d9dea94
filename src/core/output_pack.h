// The form of a pack: the outputs of many attempts in one file.
//
// Knows: the line that stands before each output. Unaware of: files, who writes and who reads.
//
//   gradus-output step=17 attempt=1 out=120 err=0
//   … 120 bytes of standard output, then 0 of standard error, then a newline
//
// The sizes lead from one to the next, so that a reader finds everything by one pass over the lines, also while the
// file grows; a last one that is not whole was being written when the rank was killed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

struct PackedOutput {
  std::uint32_t ordinal = 0;
  std::uint32_t attempt = 1;
  std::uint64_t out_size = 0;  ///< bytes
  std::uint64_t err_size = 0;  ///< bytes
  bool operator==(const PackedOutput&) const = default;
};

/// With its newline.
std::string pack_line(const PackedOutput& output);

/// Without its newline; nothing when it is none.
std::optional<PackedOutput> read_pack_line(std::string_view line);

/// No line is longer, its newline counted.
inline constexpr std::size_t longest_pack_line = 128;

}  // namespace gradus
