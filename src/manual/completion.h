// Completion of gradus in bash.
//
// Knows: which words may follow which, from help texts, and how bash asks.
// Unaware of: where the help texts come from.
#pragma once

#include <string>
#include <vector>

#include "manual/help_text.h"

namespace gradus::manual {

struct Subcommand {
  std::string name;
  std::string summary;
  HelpText help;
};

/// A script for bash to source; it needs nothing but bash, grep, head and sed.
std::string bash_completion(const std::vector<Subcommand>& subcommands);

}  // namespace gradus::manual
