// Words for whoever started the program, who may not be there to read them.
//
// Knows: that terminals hang up, pipes close and disks fill, and that a run must not break off for that.
// Unaware of: what is told.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace gradus {

/// As fmt::print, which throws where nothing can be written: here what cannot be told is not told.
template <class... T>
void tell(FILE* stream, fmt::format_string<T...> format, T&&... values) {
  const auto text = fmt::format(format, std::forward<T>(values)...);
  [[maybe_unused]] const auto written = std::fwrite(text.data(), 1, text.size(), stream);
}

/// Opens /dev/null for each of the descriptors 0 to 2 that is closed: else the next file that is opened, the journal
/// perhaps, would get that number and all that is told. Call it before anything is opened.
void fill_standard_descriptors();

}  // namespace gradus
