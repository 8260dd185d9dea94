// Values of marks that must not stand in a shell line.
//
// Knows: which values a run's marks can have, and the words that forbid one.
// Unaware of: how a line is run; who gets which value.
#pragma once

#include <string>
#include <string_view>

#include "gradus/diagnostic.h"
#include "gradus/graph.h"
#include "gradus/marks.h"
#include "gradus/placement.h"

namespace gradus {

/// What is wrong with that value there, and the variable to use instead.
std::string not_for_shell(Mark mark, std::string_view value);

/// Steps whose shell line would get such a value (a run directory with a blank), wherever they run: one mistake for
/// each mark, at the first such step. `run_dir`: absolute.
Diagnostics check_shell_values(const Graph& graph, const Plan& plan, const std::string& run_dir);

}  // namespace gradus
