#include "cli/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <map>

#include "cli/option_table.h"
#include "core/size_text.h"

namespace gradus::cli {
namespace {

namespace po = boost::program_options;
using Text = std::string;

Text store_choice(const Text& text, const Text& yes, const Text& no, bool& target) {
  if (text != yes && text != no) return fmt::format("'{}' is neither '{}' nor '{}'", text, yes, no);
  target = text == yes;
  return "";
}

Text keep_filled(Text& target, const Text& text) {
  if (text.empty()) return empty_value;
  target = text;
  return "";
}

const std::vector<Group>& groups() {
  static const std::vector<Group> all = {
      {"Execution",
       {{"use-gpu", command_line | steps_file, "yes|no", "whether steps may use GPUs (USE_GPU)",
         [](RunOptions& o, const Text& t) {
           bool yes = false;
           auto wrong = store_choice(t, "yes", "no", yes);
           if (wrong.empty()) o.use_gpu = yes;
           return wrong;
         }},
        {"gpus", command_line | steps_file, "LIST",
         "GPUs dealt out to the slots of each node (GPU_LIST): '0 1', 0-3, UUIDs, auto, none, groups '0 1 | 2', "
         "per host 'a=0,1; *=0'. A number is a position among the visible GPUs. "
         "Default: auto if a step uses a GPU, else none",
         [](RunOptions& o, const Text& t) {
           o.gpus = t;
           return Text();
         }},
        {"threads", command_line | steps_file, "T",
         "threads per rank. Alone, one of them is the master: 3 threads are 2 slots. Under mpirun: T slots per "
         "worker rank. Default: by the GPUs, else by the cores",
         [](RunOptions& o, const Text& t) {
           std::uint32_t count = 0;
           auto wrong = store_count(count, t, 1);
           if (wrong.empty()) o.threads = count;
           return wrong;
         }}}},
      {"Slots and GPUs",
       {{"cpu-slots", command_line | steps_file, "C", "C more slots per rank, without a GPU (default 0)",
         [](RunOptions& o, const Text& t) { return store_count(o.cpu_slots, t, 0); }},
        {"gpu-sharing", command_line | steps_file, "shared|exclusive",
         "more slots than GPUs: several slots share one (default), or the rest are CPU-only",
         [](RunOptions& o, const Text& t) { return store_choice(t, "exclusive", "shared", o.gpu_exclusive); }},
        {"gpu-mask", running | steps_file, nullptr,
         "show each GPU step only its own GPUs (CUDA_VISIBLE_DEVICES); position marks then count from 0",
         [](RunOptions& o, const Text&) {
           o.gpu_mask = true;
           return Text();
         }},
        {"hide-gpus", running | steps_file, nullptr, "show steps that use no GPU none at all",
         [](RunOptions& o, const Text&) {
           o.hide_gpus = true;
           return Text();
         }},
        {"cpu-bind", running | steps_file, "cores|none",
         "bind each step to the cores of its slots (default), or let it run on all of the rank's",
         [](RunOptions& o, const Text& t) { return store_choice(t, "cores", "none", o.bind_cores); }},
        {"gpu-sampling", running | steps_file, "TIME|off",
         "how often to look at the GPUs that steps use, so that summary and journal tell how busy they were (default "
         "5s); less often where a look is expensive",
         [](RunOptions& o, const Text& t) {
           o.gpu_sampling_s = 0;
           if (t == "off") return Text();
           auto wrong = store_duration(o.gpu_sampling_s, t);
           if (wrong.empty() && o.gpu_sampling_s < 0.1) wrong = "less than 0.1s: the driver itself looks no more often";
           return wrong;
         }},
        {"master-works", command_line | steps_file, nullptr, "under mpirun: rank 0 runs steps too",
         [](RunOptions& o, const Text&) {
           o.master_works = true;
           return Text();
         }}}},
      {"Steps",
       {{"on-error", command_line | steps_file, "continue|stop",
         "after a step has failed: go on with what does not need it (default), or start nothing new",
         [](RunOptions& o, const Text& t) {
           bool stop = false;
           auto wrong = store_choice(t, "stop", "continue", stop);
           o.on_error = stop ? OnError::stop : OnError::keep_going;
           return wrong;
         }},
        {"grace", command_line | steps_file, "TIME", "from TERM to KILL when a step is ended (default 10s)",
         [](RunOptions& o, const Text& t) { return store_duration(o.grace_s, t); }},
        {"time-limit", command_line | steps_file, "TIME",
         "end before this time has passed: what cannot be expected to end by then is not started and is left to "
         "--resume, exit code 75 (default: the end of the SLURM job; none: no limit)",
         [](RunOptions& o, const Text& t) {
           double seconds = std::numeric_limits<double>::infinity();
           auto wrong = t == "none" ? Text() : store_duration(seconds, t);
           if (wrong.empty()) o.time_limit_s = seconds;
           return wrong;
         }},
        {"crash-limit", running | steps_file, "N",
         "a step lost N times with the rank that ran it has failed (default 3)",
         [](RunOptions& o, const Text& t) { return store_count(o.crash_limit, t, 1); }},
        {"quarantine", running | steps_file, "N|off",
         "give a slot nothing more after N (default 3) or more failures in a row that are hardly chance: steps like "
         "those "
         "succeed elsewhere; steps with retries lose none by it",
         [](RunOptions& o, const Text& t) {
           if (t != "off") return store_count(o.quarantine_after, t, 2);
           o.quarantine_after = 0;
           return Text();
         }},
        {"retry-delay", command_line | steps_file, "TIME",
         "before a step's first retry, twice as long before each further one, at most a minute (default 1s)",
         [](RunOptions& o, const Text& t) { return store_duration(o.retry_delay_s, t); }},
        {"prefetch", running | steps_file, "TIME",
         "how many seconds of steps that are known to be short may wait at a slot for the one that runs there, so that "
         "the slot need not wait for the master between them (default 0.02s; 0s: none)",
         [](RunOptions& o, const Text& t) { return store_duration(o.prefetch_s, t); }},
        {"survive", running | steps_file, nullptr,
         "under gradus-mpirun: go on with the ranks that are left when one is lost",
         [](RunOptions& o, const Text&) {
           o.survive = true;
           return Text();
         }},
        {"lost-after", running | steps_file, "TIME",
         "a rank that was silent for so long is given up: its steps are ended, then it counts as lost (default 60s)",
         [](RunOptions& o, const Text& t) {
           auto wrong = store_duration(o.lost_after_s, t);
           if (wrong.empty() && o.lost_after_s < 10) wrong = "less than 10s: a rank may only be slow";
           return wrong;
         }},
        {"output", running | steps_file, "steps|packed|failed|none",
         "where the output of steps goes: two files for each attempt, one file for each rank (see gradus logs), two "
         "files "
         "for each attempt that failed, nowhere. Default: steps up to 1000 steps, else packed",
         [](RunOptions& o, const Text& t) {
           constexpr std::array<std::pair<const char*, OutputKind>, 4> kinds{{{"steps", OutputKind::steps},
                                                                              {"packed", OutputKind::packed},
                                                                              {"failed", OutputKind::failed},
                                                                              {"none", OutputKind::none}}};
           for (const auto& [name, kind] : kinds) {
             if (t == name) o.output = kind;
           }
           return o.output ? Text() : fmt::format("'{}' is none of steps, packed, failed, none", t);
         }},
        {"output-limit", running | steps_file, "SIZE|none",
         "how large each file of a step's output may become (default 1G): of more, the first half and the latest lines "
         "are kept",
         [](RunOptions& o, const Text& t) {
           o.output_limit = 0;
           if (t == "none") return Text();
           const auto size = parse_size(t);
           if (!size || *size < 4096) return fmt::format("'{}' is no size from 4K on: write 500M, 2G or none", t);
           o.output_limit = *size;
           return Text();
         }},
        {"shell", running | steps_file, "PATH", "for commands that need a shell (default /bin/sh)",
         [](RunOptions& o, const Text& t) { return keep_filled(o.shell, t); }},
        {"prolog", running | steps_file, "TEXT", "shell lines put before every command, as 'module load cuda'",
         [](RunOptions& o, const Text& t) {
           o.prolog = t;
           return Text();
         }}}},
      {"Run directory",
       {{"run-dir", command_line, "DIR", "journal, logs and summary (default: NAME.run beside the steps file)",
         [](RunOptions& o, const Text& t) { return keep_filled(o.run_dir, t); }},
        {"resume", command_line, nullptr, "go on where an earlier run stopped; starts afresh when there is none",
         [](RunOptions& o, const Text&) {
           o.resume = true;
           return Text();
         }},
        {"restart", running, nullptr, "throw the earlier run's records away and begin again",
         [](RunOptions& o, const Text&) {
           o.restart = true;
           return Text();
         }}}},
      {"Output",
       {{"notify", running | steps_file, "COMMAND|none",
         "run by /bin/sh beside the steps, on the master's host, when the first step fails, when the run is told to "
         "stop, and at its end: GRADUS_EVENT is first-failure, drain or end, standard input the summary as JSON",
         [](RunOptions& o, const Text& t) {
           auto wrong = keep_filled(o.notify, t);
           if (t == "none") o.notify.clear();
           return wrong;
         }},
        {"notify-limit", running | steps_file, "TIME",
         "how long it may take, and how long the run waits for it at its end (default 60s)",
         [](RunOptions& o, const Text& t) { return store_duration(o.notify_limit_s, t); }},
        {"quiet", running, nullptr, "no progress lines",
         [](RunOptions& o, const Text&) {
           o.quiet = true;
           return Text();
         }},
        {"json", planning, nullptr, "plan, simulate: print JSON",
         [](RunOptions& o, const Text&) {
           o.json = true;
           return Text();
         }}}},
      simulate_options()};
  return all;
}

po::options_description describe(unsigned where) {
  po::options_description all;
  for (const auto& group : groups()) {
    po::options_description part(group.title, 100, 50);
    for (const auto& option : group.options) {
      if ((option.where & where) == 0) continue;
      if (option.value != nullptr) {
        part.add_options()(option.name, po::value<Text>()->value_name(option.value), option.help);
      } else {
        part.add_options()(option.name, option.help);
      }
    }
    if (!part.options().empty()) all.add(part);
  }
  return all;
}

Text suggestion(const Text& name, unsigned where) {
  std::vector<Text> names{"--help"};
  for (const auto& group : groups()) {
    for (const auto& option : group.options) {
      if ((option.where & where) != 0) names.push_back(Text("--") + option.name);
    }
  }
  const auto nearest = nearest_word(name, names);
  return nearest.empty() ? Text() : fmt::format(": did you mean {}?", nearest);
}

unsigned places_of(Subcommand subcommand) {
  switch (subcommand) {
    case Subcommand::simulate: return command_line | planning | simulation;
    case Subcommand::plan: return command_line | running | planning;
    default: return command_line | running;
  }
}

/// Boost's words for a mistake, in ours.
Text explain(const po::error& error, unsigned where) {
  if (const auto* unknown = dynamic_cast<const po::unknown_option*>(&error)) {
    auto name = unknown->get_option_name();
    if (!name.starts_with("-")) name = "--" + name;
    return fmt::format("unknown option {}{}", name, suggestion(name, where));
  }
  return error.what();
}

void store(const po::variables_map& given, unsigned where, RunOptions& options, const Text& file, std::uint32_t line,
           Diagnostics& mistakes) {
  for (const auto& group : groups()) {
    for (const auto& option : group.options) {
      if ((option.where & where) == 0 || given.count(option.name) == 0) continue;
      // What was given first counts: command line, environment, file.
      if (!options.given.insert(option.name).second) continue;
      const auto text = option.value != nullptr ? given[option.name].as<Text>() : Text();
      // `--run-dir --resume`: Boost takes the next word, whatever it is.
      const auto wrong = text.starts_with("--") ? fmt::format("a value is missing: '{}' is an option", text)
                                                : option.store(options, text);
      if (!wrong.empty()) mistakes.push_back({file, line, 0, fmt::format("--{}: {}", option.name, wrong)});
    }
  }
}

/// What is known, but not for `where`: silence would let it be taken for heeded.
void refuse_without_effect(const po::variables_map& given, unsigned where, Diagnostics& mistakes) {
  for (const auto& group : groups()) {
    for (const auto& option : group.options) {
      if ((option.where & where) != 0 || given.count(option.name) == 0) continue;
      mistakes.push_back({"", 0, 0, fmt::format("--{} has no effect on a simulation: leave it out", option.name)});
    }
  }
}

/// po::command_line_parser throws at the first mistake; each word that it cannot take is put aside and
/// the rest tried again, so that all are told.
po::parsed_options parse_words(std::vector<Text> words, const po::options_description& known,
                               const po::positional_options_description& positional, unsigned where, const Text& file,
                               std::uint32_t line, Diagnostics& mistakes) {
  using style = po::command_line_style::style_t;
  for (;;) {
    try {
      return po::command_line_parser(words)
          .options(known)
          .positional(positional)
          .style(style::unix_style & ~style::allow_guessing)
          .run();
    } catch (const po::error& error) {
      mistakes.push_back({file, line, 0, explain(error, where)});
      const auto* named = dynamic_cast<const po::error_with_option_name*>(&error);
      const auto name = named != nullptr ? named->get_option_name() : Text();
      const auto before = words.size();
      std::erase_if(words, [&](const Text& word) {
        return !name.empty() && (word == name || word.starts_with(name + "=") || word == "--" + name);
      });
      if (words.size() == before) words.clear();
    }
  }
}

void add_environment(RunOptions& options, Diagnostics& mistakes) {
  if (const char* text = std::getenv("GRADUS_USE_GPU"); text != nullptr && !options.use_gpu) {
    bool yes = false;
    const auto wrong = store_choice(text, "yes", "no", yes);
    if (!wrong.empty()) mistakes.push_back({"GRADUS_USE_GPU", 0, 0, wrong});
    options.use_gpu = yes;
    options.given.insert("use-gpu");
  }
  if (const char* text = std::getenv("GRADUS_GPU_LIST"); text != nullptr && !options.gpus) {
    options.gpus = text;
    options.gpus_origin = "GRADUS_GPU_LIST";
    options.given.insert("gpus");
  }
}

const char* usage(Subcommand subcommand) {
  switch (subcommand) {
    case Subcommand::run:
      return "Usage: gradus run STEPS [options]\n"
             "       mpirun -np N gradus run STEPS [options]\n\n"
             "Runs the steps of a file (.txt, .jsonl, .ndjson, .json, or - for standard input) on GPUs and cores.\n";
    case Subcommand::plan:
      return "Usage: gradus plan [STEPS] [options]       (also under mpirun)\n\n"
             "Prints which slot gets which GPUs and cores, and runs nothing. Without STEPS the GPU list\n"
             "defaults to auto.\n";
    case Subcommand::check:
      return "Usage: gradus check STEPS [options]\n\n"
             "Reads and checks a steps file, describes it, and runs nothing.\n";
    case Subcommand::simulate:
      return "Usage: gradus simulate STEPS --nodes N --gpus-per-node G [options]\n\n"
             "Predicts how long the steps would take on so many nodes, how busy these would be, and how many nodes\n"
             "are enough, by running the real scheduler in virtual time. Starts nothing and writes nothing.\n"
             "Slots are those that 'mpirun gradus run' would have there.\n";
  }
  return "";
}

constexpr auto exit_codes =
    "\nExit codes:\n"
    "  0    every step succeeded\n"
    "  1    some failed or were skipped, or time was over and nothing achieved\n"
    "  2    wrong input; nothing was started\n"
    "  3    the machine refused (disk, MPI, no worker left)\n"
    "  75   stopped early by TERM, HUP, USR1, USR2 or for time: --resume goes on\n"
    "  130  stopped by INT\n";

void take_steps(const po::variables_map& given, Subcommand subcommand, RunOptions& options, Diagnostics& mistakes) {
  const auto names = given.count("steps") != 0 ? given["steps"].as<std::vector<Text>>() : std::vector<Text>();
  if (names.size() > 1) {
    mistakes.push_back(
        {"", 0, 0, fmt::format("one steps file, please: both '{}' and '{}' were given", names[0], names[1])});
  } else if (names.size() == 1 && names[0].empty()) {
    mistakes.push_back({"", 0, 0, "the name of the steps file is empty (a shell variable that is not set?)"});
  } else if (names.size() == 1) {
    options.steps = names[0];
  } else if (subcommand != Subcommand::plan) {
    mistakes.push_back({"", 0, 0, "no steps file was given: gradus run STEPS"});
  }
}

}  // namespace

RunOptions parse_command_line(Subcommand subcommand, const std::vector<Text>& words, Diagnostics& mistakes) {
  const auto where = places_of(subcommand);
  auto shown = describe(where);
  po::options_description known;
  known.add(shown).add_options()("help,h", "this text")("steps", po::value<std::vector<Text>>());
  if ((where & running) == 0) known.add(describe(running));
  po::positional_options_description positional;
  positional.add("steps", -1);
  po::variables_map given;
  // An option given twice with the same meaning is a slip that must not be resolved by guessing.
  try {
    po::store(parse_words(words, known, positional, where, "", 0, mistakes), given);
  } catch (const po::error& error) {
    mistakes.push_back({"", 0, 0, error.what()});
  }
  if (given.count("help") != 0) {
    std::cout
        << usage(subcommand) << '\n'
        << shown << (subcommand == Subcommand::run ? exit_codes : "")
        << "\nSteps files and marks such as %(GPU)s: see gradus-steps(5); GPU_LIST: gradus-gpu-list(7); or src/docs\n";
    throw Leave{0};
  }
  RunOptions options;
  store(given, where, options, "", 0, mistakes);
  refuse_without_effect(given, where, mistakes);
  take_steps(given, subcommand, options, mistakes);
  if (options.resume && options.restart) mistakes.push_back({"", 0, 0, "--resume and --restart exclude each other"});
  add_environment(options, mistakes);
  return options;
}

void add_file_options(const StepsFile& file, const Text& file_name, RunOptions& options, Diagnostics& mistakes) {
  const auto known = describe(steps_file);
  std::map<Text, std::uint32_t> lines;  // by option
  for (const auto& line : file.run_options) {
    po::variables_map given;
    try {
      po::store(parse_words(line.words, known, {}, steps_file, file_name, line.line, mistakes), given);
    } catch (const po::error& error) {
      mistakes.push_back({file_name, line.line, 0, error.what()});
      continue;
    }
    for (const auto& [name, value] : given) {
      const auto [first, is_new] = lines.try_emplace(name, line.line);
      if (is_new) continue;
      mistakes.push_back(
          {file_name, line.line, 0, fmt::format("--{} was given before, in line {}", name, first->second)});
    }
    const bool list_was_given = options.gpus.has_value();
    store(given, steps_file, options, file_name, line.line, mistakes);
    if (!list_was_given && options.gpus) {
      options.gpus_origin = file_name;
      options.gpus_line = line.line;
    }
  }
}

double reserve_s(const RunOptions& options, double left_s) { return std::min(options.grace_s + 5, left_s / 10); }

bool is_run_option(std::string_view word) {
  for (const auto& group : groups()) {
    for (const auto& option : group.options) {
      if ((option.where & steps_file) != 0 && word == Text("--") + option.name) return true;
    }
  }
  return false;
}

Text overview() {
  return "Gradus runs many GPU command lines inside one HPC allocation.\n\n"
         "Usage: gradus SUBCOMMAND ...\n\n"
         "  gradus run STEPS      run the steps of a file; also: mpirun -np N gradus run STEPS\n"
         "  gradus plan [STEPS]   print which slot gets which GPUs and cores\n"
         "  gradus check STEPS    read and check a steps file without running it\n"
         "  gradus simulate STEPS predict how long a run would take, and how many nodes are enough\n"
         "  gradus gpus           print the GPUs that are found\n"
         "  gradus status RUN     how a run stands: counts, what runs where, what failed, time left\n"
         "  gradus explain RUN    why a step is not running, or what idle slots wait for\n"
         "  gradus logs RUN STEP  print what a step has written\n"
         "  gradus report RUN     write one page that shows all of a run\n"
         "  gradus trace RUN      write a run for Perfetto or chrome://tracing\n"
         "  gradus doctor         print what each rank sees and what is wrong with it\n"
         "  gradus template       write a job script for SLURM, or Scipion's host configuration\n"
         "  gradus --version      print with which MPI and CUDA it was built and runs (--json)\n\n"
         "'gradus SUBCOMMAND --help' tells the options.\n";
}

}  // namespace gradus::cli
