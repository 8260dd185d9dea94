// Colours on terminals.
//
// Knows: when colours are wanted, and the few that are used.
// Unaware of: what is coloured.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace gradus::cli {

/// Puts text into colour, or leaves it alone. The text must be free of escape sequences already (core/printable.h);
/// align it before: the sequences have no width on the screen, but fmt would count them.
class Colour {
 public:
  explicit Colour(bool on) : on_(on) {}

  std::string green(std::string_view text) const { return in("32", text); }   ///< all is well
  std::string red(std::string_view text) const { return in("31", text); }     ///< failed, lost
  std::string yellow(std::string_view text) const { return in("33", text); }  ///< in doubt, waiting
  std::string dim(std::string_view text) const { return in("2", text); }      ///< beside the point

 private:
  std::string in(std::string_view code, std::string_view text) const {
    if (!on_ || text.empty()) return std::string(text);
    std::string all = "\x1b[";
    return all.append(code).append("m").append(text).append("\x1b[0m");
  }

  bool on_;
};

/// Off where the output is no terminal, where NO_COLOR is set and not empty (no-color.org), and on terminals that know
/// none. Values of variables are null when they are not set.
inline bool colours_wanted(bool is_terminal, const char* no_color, const char* term) {
  if (!is_terminal || (no_color != nullptr && *no_color != '\0')) return false;
  return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

/// For what goes to this descriptor (1: standard output). Decide once.
inline Colour colour_on(int descriptor) {
  return Colour(colours_wanted(isatty(descriptor) != 0, std::getenv("NO_COLOR"), std::getenv("TERM")));
}

}  // namespace gradus::cli
