// The word that names a run on the command line.
//
// Knows: that it is a run directory or its steps file. Unaware of: what is wanted of the run.
#pragma once

#include <string>

namespace gradus::cli {

/// The run directory that `word` names. Says on standard error when there is none, and throws Leave{2}.
std::string run_of(const std::string& word);

}  // namespace gradus::cli
