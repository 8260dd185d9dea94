#include "core/json_text.h"

#include <algorithm>
#include <cstring>

namespace gradus {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

/// The first character of a line that is no UTF-8, tried by growing pieces of at most four bytes.
std::size_t first_no_utf8(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size()) {
    std::size_t length = 1;
    while (length < 4 && at + length < line.size() && !is_utf8(line.substr(at, length))) ++length;
    if (!is_utf8(line.substr(at, length))) break;
    at += length;
  }
  return at;
}

/// The quote that opens a string which its line does not close: a string cannot hold a newline as it is.
std::size_t unclosed_quote(std::string_view line) {
  std::size_t opened = std::string_view::npos;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') opened = opened == std::string_view::npos ? i : std::string_view::npos;
    if (line[i] == '\\' && opened != std::string_view::npos) ++i;
  }
  return opened;
}

}  // namespace

Place Places::of(const char* where) {
  while (at_ < where) {
    const void* newline = std::memchr(at_, '\n', static_cast<std::size_t>(where - at_));
    if (newline == nullptr) break;
    at_ = static_cast<const char*>(newline) + 1;
    line_start_ = at_;
    ++line_;
  }
  at_ = std::max(at_, where);
  const auto column = where >= line_start_ ? where - line_start_ + 1 : 0;
  return {line_, static_cast<std::uint32_t>(column)};
}

PaddedText::PaddedText(const std::string& text) {
  if (text.capacity() >= text.size() + simdjson::SIMDJSON_PADDING) {
    view_ = text;
  } else {
    copy_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    copy_ = text;
    view_ = copy_;
  }
  if (view_.starts_with(byte_order_mark)) view_.remove_prefix(byte_order_mark.size());
}

simdjson::padded_string_view PaddedText::part(std::string_view piece) const {
  const auto behind = static_cast<std::size_t>(view_.data() + view_.size() - piece.data());
  return simdjson::padded_string_view(piece.data(), piece.size(), behind + simdjson::SIMDJSON_PADDING);
}

const char* broken_at(std::string_view text) {
  for (auto rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    if (!is_utf8(line)) return line.data() + first_no_utf8(line);
    if (const auto quote = unclosed_quote(line); quote != std::string_view::npos) return line.data() + quote;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return text.data();
}

}  // namespace gradus
