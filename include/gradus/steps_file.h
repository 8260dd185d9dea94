// Reads steps: plain text with #GRADUS lines, JSON Lines, or a JSON array.
//
// Knows: the three formats and the options a step can have.
// Unaware of: where the text came from (the caller read it), run options' meaning, and how steps are run.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/diagnostic.h"
#include "gradus/graph.h"

namespace gradus {

enum class StepsFormat { text, json_lines, json_array };

/// By the ending of the name, in capitals or not: .jsonl or .ndjson, .json; anything else is plain text.
StepsFormat steps_format(std::string_view file_name);

/// A run option found on a `#GRADUS` line before the first command: its words as on a command line.
struct RunOptionLine {
  std::uint32_t line = 0;
  std::vector<std::string> words;  ///< for example {"--gpus", "0 1"}
};

struct StepsFile {
  std::shared_ptr<const Graph> graph;  ///< null when `mistakes` is not empty
  std::vector<RunOptionLine> run_options;
  Diagnostics mistakes;
  Diagnostics warnings;  ///< near misses such as `# GRADUS`
};

/// Parses everything and reports every mistake; never throws on bad input.
/// `file` is the name used in messages. The graph points into `text`, which it keeps alive.
/// `is_run_option` tells whether a word such as `--gpus` is a run option (their owner is the command line).
StepsFile parse_steps(const std::string& file, std::shared_ptr<const std::string> text, StepsFormat format,
                      bool (*is_run_option)(std::string_view word));

/// `90`, `90s`, `30m`, `4h`, `2d`, `1h30m`, `01:30:00`, `2-12:00:00` (SLURM's forms): seconds, or -1 when it is none of
/// these.
double parse_duration(std::string_view text);

}  // namespace gradus
