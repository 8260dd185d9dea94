// Which run a word of the command line means.
//
// Knows: a run directory can also be named by its steps file; where a run keeps its steps. Unaware of: what is done
// with the run.
#pragma once

#include <memory>
#include <string>

#include "gradus/graph.h"

namespace gradus::cli {

/// The run directory. Where there is none, says so and throws Leave{2}.
std::string run_of(const std::string& word);

/// The steps of a run, from the copy that it keeps; null when that is not there or cannot be read (`why_not` tells).
std::shared_ptr<const Graph> graph_of_run(const std::string& run_dir, std::string& why_not);

}  // namespace gradus::cli
