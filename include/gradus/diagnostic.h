// What is wrong with the user's input, and where.
//
// Knows: a place in a file and a sentence that says what is wrong and the mend.
// Unaware of: who reads the file, what the file means, and where the text is printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

/// One mistake in the user's input. Line and column count from 1; 0 means "no such place"
/// (a command-line option, say). The column counts bytes.
struct Diagnostic {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;

  bool operator==(const Diagnostic&) const = default;
};

/// All mistakes found: they are collected and shown together, never one per try.
using Diagnostics = std::vector<Diagnostic>;

/// `file:line:column: message`, leaving out what has no place.
std::string to_string(const Diagnostic& diagnostic);

/// The candidate nearest to `word` by edit distance (two letters that changed places count as one slip),
/// or empty when none is near enough: more than a third of the word would have to change, one slip
/// being forgiven from three letters on. Of equals the first. Used for "did you mean …?".
std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace gradus
