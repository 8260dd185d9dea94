// Which run a word of the command line means.
//
// Knows: a run directory can also be named by its steps file; where a run keeps its steps. Unaware of: what is done
// with the run.
#pragma once

#include <memory>
#include <string>

#include "gradus/graph.h"
#include "run/chronicle.h"

namespace gradus::cli {

/// The run directory. Where there is none, says so and throws Leave{2}.
std::string run_of(const std::string& word);

/// The steps of a run's latest life, from the copy that it keeps; null when that is not there, cannot be read, or is
/// that of a life that `chronicle` has no word of (`why_not` tells).
std::shared_ptr<const Graph> graph_of_run(const std::string& run_dir, const Chronicle& chronicle, std::string& why_not);

}  // namespace gradus::cli
