// The options of a step by name: one table for `#GRADUS --timeout 30m` and for `"timeout": "30m"`.
//
// Knows: names, ranges and how each value is stored.
// Unaware of: where the text stood.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph.h"

namespace gradus {

/// What a step has beside its command, while a file is being read.
struct StepDraft {
  StepOptions options;
  float cost = -1;
  std::string creates;             ///< each path followed by '\0'
  std::vector<std::string> needs;  ///< text files; JSON gives its own
};

/// Values with the same meaning in both formats: gpus, cpus, nodes, timeout, retries, priority, cost, cwd.
/// Returns what is wrong with `value`, or nothing. `name` must be one of these (see is_scalar_option).
std::string set_scalar_option(StepDraft& draft, std::string_view name, std::string_view value);
bool is_scalar_option(std::string_view name);

/// Returns what is wrong with the name of an environment variable, or nothing.
std::string check_variable_name(std::string_view name);

}  // namespace gradus
