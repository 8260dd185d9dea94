// Which run a word of the command line means.
//
// Knows: a run directory can also be named by its steps file. Unaware of: what is done with the run.
#pragma once

#include <string>

namespace gradus::cli {

/// The run directory. Where there is none, says so and throws Leave{2}.
std::string run_of(const std::string& word);

}  // namespace gradus::cli
