// The options of a run: from the command line, the environment, and the steps file's #GRADUS lines.
//
// Knows: every option's name, default, help text and precedence (command line, environment, file).
// Unaware of: what the options lead to.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gradus/attempt.h"
#include "gradus/diagnostic.h"
#include "gradus/placement.h"
#include "gradus/scheduler.h"
#include "gradus/steps_file.h"

namespace gradus::cli {

/// The options of `gradus simulate` alone.
struct SimulateOptions {
  std::uint32_t nodes = 1;
  std::optional<std::uint32_t> gpus_per_node;
  std::uint32_t ranks_per_node = 1;
  std::optional<std::uint32_t> slots_per_gpu;
  std::optional<std::uint32_t> cores_per_node;
  std::string durations;  ///< a run directory, or `none`; empty: the default run directory, if there is one
  double delay_s = 0.001;
  bool sweep = false;
};

struct RunOptions {
  // Execution, as in Scipion's form.
  std::optional<bool> use_gpu;
  std::optional<std::string> gpus;
  std::string gpus_origin = "--gpus";  ///< where the list came from, for messages
  std::uint32_t gpus_line = 0;
  std::optional<std::uint32_t> threads;

  std::uint32_t cpu_slots = 0;
  bool gpu_exclusive = false;
  bool gpu_mask = false;
  bool hide_gpus = false;
  bool master_works = false;
  bool bind_cores = true;
  double gpu_sampling_s = 5;  ///< 0: off

  OnError on_error = OnError::keep_going;
  double grace_s = 10;
  std::uint32_t crash_limit = 3;
  std::uint32_t quarantine_after = 3;
  double retry_delay_s = 1;
  double prefetch_s = 0.02;
  bool survive = false;
  std::optional<OutputKind> output;                     ///< absent: by the number of steps
  std::uint64_t output_limit = std::uint64_t{1} << 30;  ///< bytes; 0: none
  double lost_after_s = 60;
  std::string shell = "/bin/sh";
  std::string prolog;

  std::string run_dir;  ///< empty: beside the steps file
  bool resume = false;
  bool restart = false;
  std::optional<double> time_limit_s;  ///< from the start; not given: the SLURM job's end, if any
  std::string notify;                  ///< a shell line; empty: none
  double notify_limit_s = 60;
  bool quiet = false;
  bool json = false;

  SimulateOptions simulate;

  std::string steps;  ///< file name, or `-`

  std::set<std::string> given;  ///< names of the options that were given, wherever
};

/// Thrown to end a subcommand with an exit code after its message has been printed.
struct Leave {
  int exit_code;
};

/// Which options a subcommand takes, for its help and its parser.
enum class Subcommand { run, plan, check, simulate };

/// Parses the words behind the subcommand and the environment. Mistakes are appended; `--help` prints and
/// throws Leave{0}.
RunOptions parse_command_line(Subcommand subcommand, const std::vector<std::string>& words, Diagnostics& mistakes);
/// Lays the steps file's own run options under what was given already.
void add_file_options(const StepsFile& file, const std::string& file_name, RunOptions& options, Diagnostics& mistakes);
/// True for `--gpus` and the like: the options that may stand on a #GRADUS line before the first command.
bool is_run_option(std::string_view word);

/// What of the time that is left is kept for ending what runs and writing down how it went.
double reserve_s(const RunOptions& options, double left_s);

/// The overview that `gradus --help` prints.
std::string overview();

}  // namespace gradus::cli
