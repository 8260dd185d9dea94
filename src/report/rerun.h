// What is left to do, and the command that does it.
//
// Knows: how a run is gone on with. Unaware of: why steps are left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "report/run_story.h"

namespace gradus {

struct Rerun {
  std::uint64_t count = 0;         ///< steps that have not succeeded
  std::vector<std::string> names;  ///< of these, failed ones first; at most so many as were asked for
  std::string command;             ///< to paste; empty when nothing is left
};
/// `kept_steps`: where the run keeps its copy of the steps, for steps that came from standard input.
Rerun rerun_of(const RunStory& story, std::size_t most_names, const std::string& kept_steps);

}  // namespace gradus
