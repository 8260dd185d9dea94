// The program's entrance: which subcommand, and whether MPI started us.
//
// Knows: the order in which things must come at the start (signals, guardian, MPI).
// Unaware of: what the subcommands do.
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/printable.h"
#include "gradus/diagnostic.h"
#include "node/cores.h"
#include "node/gpu_probe.h"
#include "node/guardian.h"
#include "node/nvml.h"
#include "node/signals.h"
#include "node/tell.h"
#include "run/run_directory.h"

namespace gradus::cli {
namespace {

int refuse_without_pmi() {
  fmt::print(stderr,
             "gradus: SLURM started several tasks but no PMI, so every one would be a master of its own.\n"
             "gradus: start it with srun --mpi=pmix (srun --mpi=list shows what there is), or with mpirun.\n");
  return 2;
}

int unknown_subcommand(const std::string& name) {
  const auto nearest = nearest_word(name, {"run", "plan", "check", "simulate", "gpus", "logs", "status", "explain",
                                           "report", "trace", "template", "doctor", "--help", "--version"});
  fmt::print(stderr, "gradus: unknown subcommand '{}'{}\n\n{}", printable(name),
             nearest.empty() ? "" : fmt::format(": did you mean '{}'?", nearest), overview());
  return 2;
}

int dispatch(const std::string& name, const Words& words, World& world) {
  if (name == "run") return run_command(words, world);
  if (name == "plan") return plan_command(words, world);
  if (name == "check") return check_command(words);
  if (name == "simulate") return simulate_command(words);
  if (name == "gpus") return gpus_command(words);
  if (name == "logs") return logs_command(words);
  if (name == "status") return status_command(words);
  if (name == "explain") return explain_command(words);
  if (name == "report") return report_command(words);
  if (name == "trace") return trace_command(words);
  if (name == "template") return template_command(words);
  if (name == "doctor") return doctor_command(words, world, how_launched() == Launch::without_pmi);
  if (name == "--version") return version_command(words);
  if (name == "--help" || name == "-h" || name == "help") {
    fmt::print("{}", overview());
    return 0;
  }
  return unknown_subcommand(name);
}

/// What a command printed into a full disk or a closed pipe is nobody's answer. A run has its journal.
int if_it_was_printed(const std::string& name, int exit_code) {
  if (name == "run" || (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)) return exit_code;
  tell(stderr, "gradus: standard output: {}\n", strerrordesc_np(errno));
  return 3;
}

/// Exceptions end here: what the machine refused is exit code 3.
int guarded(const std::string& name, const Words& words, World& world) {
  try {
    return if_it_was_printed(name, dispatch(name, words, world));
  } catch (const Leave& leave) {
    return leave.exit_code == 0 ? if_it_was_printed("--help", 0) : leave.exit_code;
  } catch (const std::exception& error) {
    tell(stderr, "gradus: {}\n", printable(error.what()));
    return 3;
  }
}

/// What rank 0 lets scripts/gradus-mpirun know, since mpirun's own exit code cannot be trusted in recovery mode: that
/// it has begun, and its exit code, for which its guardian speaks should it be killed.
class WordToLauncher {
 public:
  explicit WordToLauncher(Guardian& guardian) : guardian_(guardian) {
    const char* path = std::getenv("GRADUS_STATUS_FILE");
    if (path == nullptr || *path == '\0') return;
    path_ = path;
    guardian_.set_last_word(path_, "137\n", false);
    write(path_ + ".begun", "rank 0 has begun\n");
  }
  void tell_end(int exit_code) {
    if (path_.empty()) return;
    write(path_, fmt::format("{}\n", exit_code));
    guardian_.forget_last_word(path_);
  }

 private:
  static void write(const std::string& path, const std::string& text) {
    try {
      write_atomically(path, text);
    } catch (const std::exception& error) {
      tell(stderr, "gradus: GRADUS_STATUS_FILE: {}\n", error.what());
    }
  }

  Guardian& guardian_;
  std::string path_;
};

/// Past MPI's exit handlers, which wait for ranks that are lost. A forsaken worker leaves its guardian at work.
[[noreturn]] void leave_at_once(int exit_code, bool is_master, Guardian& guardian) {
  if (is_master) guardian.dismiss();
  std::fflush(nullptr);
  _exit(exit_code);
}

/// A worker that the machine refuses something goes at once: in MPI_Finalize it would wait for the others, and they
/// for it. Its guardian tells the master; without --survive mpirun ends the others as well.
int take_part_or_go(const MpiEnvironment& mpi, const StepEnvironment& environment, Guardian& guardian) {
  try {
    return take_part(mpi, environment, guardian);
  } catch (const std::exception& error) {
    tell(stderr, "gradus: {} (rank {}): {}\n", host_name(), mpi.rank(), printable(error.what()));
    leave_at_once(3, false, guardian);
  }
}

/// Under an MPI launcher rank 0 is the master and the others follow its invitation.
int with_mpi(const std::string& name, const Words& words, const StepEnvironment& environment, Guardian& guardian) {
  const MpiEnvironment mpi;
  int exit_code = 0;
  if (mpi.rank() != 0) {
    exit_code = take_part_or_go(mpi, environment, guardian);
  } else {
    WordToLauncher launcher(guardian);
    const auto world =
        mpi.size() > 1 ? world_of_ranks(mpi, environment, guardian) : world_of_one(environment, guardian, true);
    exit_code = guarded(name, words, *world);
    world->dismiss();
    launcher.tell_end(exit_code);
  }
  if (mpi.abandoned()) leave_at_once(exit_code, mpi.rank() == 0, guardian);
  return exit_code;
}

/// The subcommands that only look at something: a signal ends them as it ends any program.
bool starts_nothing(const std::string& name) { return name != "run" && name != "plan" && name != "doctor"; }

int start(const std::string& name, const Words& words) {
  const auto launch = how_launched();
  if (launch == Launch::by_mpi || !starts_nothing(name)) install_signal_handlers();
  const bool needs_world = name == "run" || name == "plan";
  if (needs_world && launch == Launch::without_pmi) return refuse_without_pmi();
  // Before MPI_Init, which opens sockets that the guardian must not hold, and before any thread.
  Guardian guardian;
  const StepEnvironment environment(environ);
  if (launch == Launch::by_mpi) return with_mpi(name, words, environment, guardian);
  const auto world = world_of_one(environment, guardian, false);
  const int exit_code = guarded(name, words, *world);
  world->dismiss();
  return exit_code;
}

}  // namespace
}  // namespace gradus::cli

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  // Beyond `ulimit -f` a write is to fail as on a full disk: the default would end us without a word.
  std::signal(SIGXFSZ, SIG_IGN);
  if (name == "__guardian") return gradus::guardian_main();
  if (name == "__probe-gpus") return gradus::gpu_probe_main();
  if (name == "__read-gpus") return gradus::nvml_main(argc - 2, argv + 2);
  gradus::fill_standard_descriptors();
  try {
    return gradus::cli::start(name, gradus::cli::Words(argv + std::min(argc, 2), argv + argc));
  } catch (const std::exception& error) {
    gradus::tell(stderr, "gradus: {}\n", gradus::printable(error.what()));
    return 3;
  }
}
