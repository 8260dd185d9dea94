// The line in a step's output that stands where --output-limit has left something out.
//
// Knows: how it reads. Unaware of: files, how much is kept.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

/// With the newline before it: what is kept of the beginning may end anywhere.
inline constexpr std::string_view left_out_begins = "\n[gradus: about ";

inline std::string left_out_line(std::uint64_t bytes) {
  return fmt::format("{}{} bytes of output were left out here, see --output-limit]\n", left_out_begins, bytes);
}

}  // namespace gradus
