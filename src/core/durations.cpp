#include "gradus/durations.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace gradus {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What stands for the part of a file's name that differs, and for a number.
struct Blanks {
  std::string_view name, number;
};

void append_shape_of_word(std::string_view word, bool is_program, const Blanks& blanks, std::string& shape) {
  // Files differ from step to step; what kind they are does not.
  if (!is_program && !word.starts_with('-') && word.find_first_of("/.") != std::string_view::npos) {
    const auto dot = word.rfind('.');
    const auto slash = word.rfind('/');
    const bool has_ending = dot != std::string_view::npos && (slash == std::string_view::npos || dot > slash);
    shape += blanks.name;
    word = has_ending ? word.substr(dot) : std::string_view();
  }
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (!is_digit(word[i])) {
      shape += word[i];
    } else if (i == 0 || !is_digit(word[i - 1])) {
      shape += blanks.number;
    }
  }
  shape += ' ';
}

std::string shape_of(std::string_view command, const Blanks& blanks) {
  constexpr std::string_view separators(" \t\n\0", 4);  // words of an argv end in NUL
  std::string shape;
  bool is_program = true;
  for (std::size_t at = 0; (at = command.find_first_not_of(separators, at)) != std::string_view::npos;) {
    const auto end = std::min(command.find_first_of(separators, at), command.size());
    append_shape_of_word(command.substr(at, end - at), is_program, blanks, shape);
    is_program = false;
    at = end;
  }
  return shape;
}

}  // namespace

std::uint64_t command_shape(std::string_view command) {
  const auto shape = shape_of(command, {"~", "#"});
  return XXH3_64bits(shape.data(), shape.size());
}

std::string command_shape_text(std::string_view command) {
  auto shape = shape_of(command, {"\u2026", "N"});
  if (!shape.empty()) shape.pop_back();
  return shape;
}

void DurationModel::add(Seen& seen, double seconds) {
  ++seen.count;
  const double before = seconds - seen.mean;
  seen.mean += before / static_cast<double>(seen.count);
  seen.squares += before * (seconds - seen.mean);
  seen.longest = std::max(seen.longest, seconds);
}

void DurationModel::observe(std::uint64_t shape, double seconds) {
  add(by_shape_[shape], std::max(0.0, seconds));
  add(all_, std::max(0.0, seconds));
}

double DurationModel::mean_s(std::uint64_t shape) const {
  const auto it = by_shape_.find(shape);
  return it == by_shape_.end() ? -1 : it->second.mean;
}

double DurationModel::cautious_s(std::uint64_t shape) const {
  const auto it = by_shape_.find(shape);
  if (it == by_shape_.end()) return -1;
  const auto& seen = it->second;
  if (seen.count == 1) return 2 * seen.mean;
  const double deviation = std::sqrt(seen.squares / static_cast<double>(seen.count - 1));
  return std::max(seen.longest, seen.mean + 3 * deviation);
}

double DurationModel::needed_s(std::uint64_t shape, double cost) const {
  return std::max({0.0, cost, cautious_s(shape)});
}

double DurationModel::overall_mean_s() const { return all_.count == 0 ? -1 : all_.mean; }

}  // namespace gradus
