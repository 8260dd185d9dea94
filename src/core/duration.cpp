#include <array>
#include <charconv>
#include <cmath>

#include "gradus/steps_file.h"

namespace gradus {
namespace {

/// A number without sign at the front of `text`, which is shortened; negative when there is none.
double take_number(std::string_view& text) {
  if (text.empty() || (text[0] != '.' && (text[0] < '0' || text[0] > '9'))) return -1;
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc()) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

double unit_seconds(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86400;
    default: return -1;
  }
}

/// `1h30m`: each unit smaller than the one before.
double parse_units(std::string_view text) {
  double total = 0, last_unit = INFINITY;
  while (!text.empty()) {
    const double value = take_number(text);
    if (value < 0 || text.empty()) return -1;
    const double unit = unit_seconds(text[0]);
    if (unit < 0 || unit >= last_unit) return -1;
    total += value * unit;
    last_unit = unit;
    text.remove_prefix(1);
  }
  return total;
}

/// SLURM's `hours:minutes:seconds`, `minutes:seconds`, with `days-` before (then hours come first).
double parse_colons(std::string_view text) {
  double days = 0;
  bool has_days = false;
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    auto front = text.substr(0, dash);
    days = take_number(front);
    if (days < 0 || !front.empty()) return -1;
    text.remove_prefix(dash + 1);
    has_days = true;
  }
  std::array<double, 3> parts{};
  std::size_t count = 0;
  for (;; text.remove_prefix(1)) {
    if (count == parts.size()) return -1;
    parts[count] = take_number(text);
    if (parts[count++] < 0) return -1;
    if (text.empty()) break;
    if (text[0] != ':') return -1;
  }
  const bool from_hours = has_days || count == 3;
  double seconds = days * 86400;
  double unit = from_hours ? 3600 : 60;
  for (std::size_t i = 0; i < count; ++i, unit /= 60) seconds += parts[i] * unit;
  return seconds;
}

}  // namespace

double parse_duration(std::string_view text) {
  constexpr double longest = 100.0 * 365 * 86400;  // more is a slip, and would overflow what is made of it
  auto rest = text;
  const double plain = take_number(rest);
  const double seconds = plain >= 0 && rest.empty()                           ? plain
                         : text.find_first_of(":-") != std::string_view::npos ? parse_colons(text)
                         : text.empty()                                       ? -1
                                                                              : parse_units(text);
  return seconds <= longest ? seconds : -1;
}

}  // namespace gradus
