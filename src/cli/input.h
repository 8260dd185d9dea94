// From the words of the command line to checked steps and a placement, the same for run, plan and check.
//
// Knows: reading the steps file, the order in which options count, and what to refuse before anything starts.
// Unaware of: the run directory and what happens afterwards.
#pragma once

#include <memory>
#include <string>

#include "cli/options.h"
#include "gradus/steps_file.h"
#include "node/signals.h"

namespace gradus::cli {

struct Input {
  RunOptions options;
  StepsFile steps;                            ///< graph null when no steps file was given (plan)
  std::string steps_name;                     ///< for messages; `-` is "standard input"
  std::shared_ptr<const std::string> text{};  ///< of the steps file
};

/// Reads and checks everything that can be known without asking ranks. Prints all mistakes to standard
/// error and throws Leave{2} when there are any; prints warnings. `signals`: under which it is read; alone they end the
/// process meanwhile as any program.
Input read_input(Subcommand subcommand, const std::vector<std::string>& words,
                 SignalRules signals = SignalRules::alone);

/// The whole file, standard input for `-`; adds to `mistakes` when it cannot be read.
std::shared_ptr<const std::string> read_text(const std::string& name, Diagnostics& mistakes);

/// How slots are to be laid out for this input. `alone`: threads count the master, as in Scipion.
PlacementOptions placement_options(const Input& input, bool alone);

/// True when some step has a GPU mark or asks for GPUs.
bool any_step_uses_gpu(const Graph& graph);

/// Prints `mistakes` and a line that counts them; throws Leave{2} when there are any.
void leave_if_wrong(const Diagnostics& mistakes);

}  // namespace gradus::cli
