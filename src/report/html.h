// Small pieces of HTML.
//
// Knows: escaping, tables, how numbers are told to people. Unaware of: what is told.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::html {

/// Fit to stand between tags and in a quoted attribute; control characters as `\x1b`, newlines and tabs as they are.
std::string escape(std::string_view text);

// From a JSON object, which may lack it or have null there.

/// As text, not escaped; a number as it is written; empty when there is none.
std::string text(const nlohmann::json& object, const char* key);
/// As number; `otherwise` when there is none.
double number(const nlohmann::json& object, const char* key, double otherwise = 0);
/// As an index into something; one beyond everything when there is none.
std::size_t index(const nlohmann::json& object, const char* key);
std::size_t index(double number);
/// An array to go through; an empty one when there is none.
const nlohmann::json& list(const nlohmann::json& object, const char* key);
/// An object; an empty one when there is none.
const nlohmann::json& part(const nlohmann::json& object, const char* key);

/// A key of the report as words: `timed out`.
std::string spaced(std::string key);

// Escaped; `–` where the object lacks it.

std::string seconds(const nlohmann::json& object, const char* key);  ///< `1h 05m`, with the seconds as its title
std::string count(const nlohmann::json& object, const char* key);    ///< `12 345`
std::string share(const nlohmann::json& object, const char* key);    ///< 0.342 as `34 %`
std::string seconds(double seconds);
std::string count(double number);
std::string share(double share);

/// A table with head; cells are HTML. Columns whose head begins with `#` are numbers and stand at the right.
class Table {
 public:
  Table(std::string_view caption, const std::vector<std::string>& heads);
  /// The first cell is the row's head.
  void row(const std::vector<std::string>& cells);
  bool empty() const { return rows_ == 0; }
  /// In a box of its own that scrolls when the screen is narrow.
  std::string html() const;

 private:
  std::string caption_, body_;
  std::vector<std::string> heads_;
  int rows_ = 0;
};

}  // namespace gradus::html
