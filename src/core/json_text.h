// A JSON text as simdjson wants it, and places in it.
//
// Knows: padding, byte order marks, lines and columns, where a text stops being JSON at all.
// Unaware of: what the JSON means.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "core/steps_reader.h"

namespace gradus {

/// Lines and columns of ascending addresses, each byte looked at once.
class Places {
 public:
  Places(const char* begin, std::uint32_t first_line) : line_start_(begin), at_(begin), line_(first_line) {}
  /// `where` must not lie before the line of the last answer.
  Place of(const char* where);

 private:
  const char* line_start_;
  const char* at_;
  std::uint32_t line_;
};

/// The text with the readable bytes behind it that simdjson wants, less a byte order mark. Copies only a
/// text that has no room behind it; must not outlive `text`.
class PaddedText {
 public:
  explicit PaddedText(const std::string& text);
  std::string_view view() const { return view_; }
  simdjson::padded_string_view part(std::string_view piece) const;

 private:
  std::string copy_;
  std::string_view view_;
};

/// Where `text` stops being JSON, for the errors that simdjson finds before it has any place to tell: the
/// first byte that is no UTF-8, or the quote that is never closed. Its begin when it is neither.
const char* broken_at(std::string_view text);

}  // namespace gradus
