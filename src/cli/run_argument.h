// Which run a word of the command line means.
//
// Knows: a run directory can also be named by its steps file; how the copy of it that a run keeps is read. Unaware of:
// what is done with the run.
#pragma once

#include <string>

#include "gradus/steps_file.h"

namespace gradus::cli {

/// The run directory. Where there is none, says so and throws Leave{2}.
std::string run_of(const std::string& word);

/// A StepsOfRun::Reader.
StepsFile read_kept_steps(const std::string& path);

}  // namespace gradus::cli
