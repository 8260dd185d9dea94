// How an option is described, so that its help, its parser and its value come from one line.
//
// Knows: the form of a description, and how counts and durations are read.
// Unaware of: which options there are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace gradus::cli {

/// Where an option may be given.
enum Where : unsigned {
  command_line = 1,  // that of every subcommand that takes a steps file
  steps_file = 2,
  simulation = 4,  // gradus simulate's command line
  planning = 8,    // that of gradus plan and gradus simulate
  running = 16     // of all but gradus simulate, where it has no effect
};

struct Option {
  const char* name;
  unsigned where;
  const char* value;  ///< placeholder of the value; null: a switch
  const char* help;
  /// Stores the text; returns what is wrong with it, or nothing.
  std::function<std::string(RunOptions&, const std::string&)> store;
};

struct Group {
  const char* title;
  std::vector<Option> options;
};

/// What is wrong with a value of which nothing is there: in scripts a variable that was never set.
inline constexpr auto empty_value =
    "its value is empty (a shell variable that is not set?): give one, or leave the option out";

/// A whole number from `least` to a million; returns what is wrong, or nothing.
std::string store_count(std::uint32_t& target, const std::string& text, std::uint32_t least);
std::string store_duration(double& target, const std::string& text);

/// Those of `gradus simulate` alone.
Group simulate_options();

}  // namespace gradus::cli
