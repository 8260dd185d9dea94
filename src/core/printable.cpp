#include "core/printable.h"

#include <fmt/format.h>

#include <iterator>

namespace gradus {
namespace {

/// Bytes of the well-formed UTF-8 character at the beginning (Unicode 15, table 3-7), 0 when there is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto goes_on = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0 && goes_on(1)) return 2;
  if ((first & 0xf0U) == 0xe0U && goes_on(1) && goes_on(2)) {
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0)) return 0;
    return 3;
  }
  if (first >= 0xf0 && first < 0xf5 && goes_on(1) && goes_on(2) && goes_on(3)) {
    if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90)) return 0;
    return 4;
  }
  return 0;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < ' ' || first == 0x7f;
  // Marks that turn the direction of what follows (Unicode's annex 9): a line would read as something else.
  if (character.starts_with("\xe2\x80")) {
    const auto last = static_cast<unsigned char>(character[2]);
    return last == 0x8e || last == 0x8f || (last >= 0xaa && last <= 0xae);
  }
  if (character.starts_with("\xe2\x81")) {
    const auto last = static_cast<unsigned char>(character[2]);
    return last >= 0xa6 && last <= 0xa9;
  }
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

void append_escaped(std::string_view bytes, std::string& to) {
  if (bytes == "\n") {
    to += "\\n";
  } else if (bytes == "\t") {
    to += "\\t";
  } else if (bytes == "\r") {
    to += "\\r";
  } else {
    for (const char c : bytes) fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

/// `ESC [ … final` (ECMA-48, 5.4) at the beginning; 0 when there is none.
std::size_t control_sequence_size(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  for (std::size_t i = 2; i < text.size(); ++i) {
    if (text[i] >= 0x40 && text[i] <= 0x7e) return i + 1;
    if (text[i] < 0x20 || text[i] > 0x3f) return 0;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const auto size = character_size(text);
    const auto character = text.substr(0, size == 0 ? 1 : size);
    if (size == 0 || is_control(character)) {
      append_escaped(character, clean);
    } else {
      clean += character;
    }
    text.remove_prefix(character.size());
  }
  return clean;
}

std::string printable_line(std::string_view line) {
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (const auto last = line.rfind('\r'); last != std::string_view::npos) line.remove_prefix(last + 1);
  std::string shown;
  for (std::size_t i = 0; i < line.size();) {
    const auto sequence = control_sequence_size(line.substr(i));
    if (sequence == 0) shown += line[i] == '\t' ? ' ' : line[i];
    i += sequence == 0 ? 1 : sequence;
  }
  return printable(shown);
}

}  // namespace gradus
