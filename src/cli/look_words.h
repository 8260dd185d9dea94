// The words behind a subcommand that looks at something: its options, and what it is to look at.
//
// Knows: how they are read and refused, and how the help is set. Unaware of: what the options lead to.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace gradus::cli {

struct LookOption {
  const char* name;   ///< long, without dashes; `follow,f` has a short form too
  const char* value;  ///< placeholder of its value; null: a switch; in brackets, as `[TIME]`: it may be left out
  const char* help;
};

/// What a subcommand takes.
struct LookForm {
  const char* name;    ///< of the subcommand
  const char* before;  ///< the help's beginning: usage, and what it does
  std::span<const LookOption> options;
  const char* after;                  ///< the help's end
  std::vector<const char*> operands;  ///< in order: `run`, `step`; the first one must be given
};

class LookWords {
 public:
  /// Prints the help and throws Leave{0} where that is asked for; says what is wrong and throws Leave{2} where anything
  /// is. `form` must outlive this.
  LookWords(const LookForm& form, const Words& words);

  bool has(const std::string& option) const { return given_.contains(option); }
  /// Of an option or an operand; empty when it was not given, or without a value.
  std::string value(const std::string& name) const;
  /// Says what is wrong and where help is, and throws Leave{2}.
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  void take_operands(const Words& given);
  void refuse_empty(const Words& tokens, const std::string& what) const;

  const LookForm& form_;
  std::map<std::string, std::string> given_;
};

/// The help of a form.
std::string help_text(const LookForm& form);

}  // namespace gradus::cli
