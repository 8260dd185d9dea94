// One attempt, from the scheduler's decision to what a slot must execute.
//
// Knows: everything a slot needs to run one attempt, and the pure rule that turns it into argv,
//        environment and working folder.
// Unaware of: the graph, the scheduler, system calls. The order is plain data: it is what crosses
//        from master to worker, by memory or by message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/placement.h"

namespace gradus {

/// What to run, where. Slots and GPUs are indices into the plan of the rank that runs it.
struct AttemptOrder {
  std::uint32_t step = 0;     ///< StepIndex of the step; its ordinal is step + 1
  std::uint32_t attempt = 1;  ///< from 1
  std::uint32_t number = 1;   ///< the same without those that never began: what the step is told
  std::vector<std::uint32_t>
      slots;  ///< indices into the rank's slots, ascending; the first runs the command, the others are held
  /// The GPUs it gets: (index into the rank's slots, index into that slot's gpus), in order.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gpus;
  std::uint32_t cpus = 0;  ///< cores asked for; 0: not given
  bool is_argv = false;    ///< `command` holds words, each followed by '\0'
  bool mask_gpus = false;  ///< tell it by the visible-devices variable: `gpus` given and no GPU mark
  double timeout_s = 0;
  std::string id;  ///< the step's name (explicit id or ordinal)
  std::string command;
  std::string cwd;
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::string> creates;  ///< must exist afterwards
  /// A step with `nodes`: each host and how many slots it has there; the first is this one. Else empty.
  std::vector<std::pair<std::string, std::uint32_t>> hosts;
  std::vector<std::string> awaited;  ///< `creates` of its prerequisites: looked for before the start
  /// Others need what it makes: its end is told at once, whatever else there is to tell.
  bool is_awaited = false;
  bool operator==(const AttemptOrder&) const = default;
};

/// Where the output of steps goes.
enum class OutputKind : std::uint8_t {
  steps,   ///< two files for each attempt
  packed,  ///< one file for each rank
  failed,  ///< two files for each attempt that failed; nothing of the others
  none     ///< nowhere
};

/// What is the same for all attempts of a run.
struct RunSettings {
  std::string run_dir;  ///< absolute
  std::string life;     ///< unlike that of any other life of the run
  std::string shell = "/bin/sh";
  std::string prolog;        ///< shell lines put before each command; empty: none
  bool gpu_mask = false;     ///< --gpu-mask: mask every GPU step
  bool hide_gpus = false;    ///< --hide-gpus: a step without GPU sees an empty list
  double grace_s = 10;       ///< from TERM to KILL
  bool survive = false;      ///< --survive: the run goes on when a rank is lost
  double lost_after_s = 60;  ///< see core/silence.h
  OutputKind output = OutputKind::steps;
  /// Files of earlier lives may stand where those of this life's attempts are looked for.
  bool has_earlier_outputs = false;
  std::uint64_t output_limit = 0;  ///< bytes that each file of a step's output may have; 0: any
  bool bind_cores = true;          ///< --cpu-bind cores: a step may run on the cores of its slots only
  double gpu_sampling_s = 0;       ///< between two looks at the GPUs that steps use; 0: none
  std::uint32_t gpu_samplers = 1;  ///< the most ranks of one node that look: they share what it may cost
  bool operator==(const RunSettings&) const = default;
};

/// What a slot executes. `argv` is never empty when `mistake` is.
struct PreparedCommand {
  std::vector<std::string> argv;
  bool by_shell = false;  ///< argv is {shell, "-c", line}
  std::string cwd;
  /// Variables to set on top of the scrubbed inherited environment; later entries win.
  std::vector<std::pair<std::string, std::string>> env;
  std::string mistake;  ///< a value that must not stand in a shell line; names the GRADUS_ variable to use
};

/// Expands marks and decides on direct execution or the shell. Pure; called by the rank that runs the
/// step, at each attempt. `inherited` tells whether a variable is set in the inherited environment.
PreparedCommand prepare(const AttemptOrder& order, const PlannedRank& rank, const RunSettings& settings,
                        bool (*inherited)(std::string_view name));

/// True when `line` can be executed directly: none of |&;<>()$`\"'*?[]#~={}! or newline in it, and its
/// first word is no POSIX reserved word or builtin (true, test, echo, printf excepted).
bool runs_without_shell(std::string_view line);

}  // namespace gradus
