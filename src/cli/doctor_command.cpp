// gradus doctor: what each rank sees, and what is wrong with it.
#include <fmt/format.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/options.h"

namespace gradus::cli {
namespace {

constexpr auto help =
    "Usage: gradus doctor [--shared DIR] [--json]\n"
    "       mpirun -np N gradus doctor ...          (or srun --mpi=pmix)\n\n"
    "Prints what each rank sees (cores, memory, limits, GPUs, MPI, whether the ranks share a folder and its locks), "
    "and\n"
    "what is wrong with it and how to mend it. Start it in the way in which you start gradus run.\n\n"
    "  --shared DIR   the folder that is to hold run directories (default: the current one)\n"
    "  --json         for programs: schema gradus-doctor/1\n\n"
    "Exit code: 1 when something keeps a run from working, else 0.\n";

struct DoctorOptions {
  std::string folder = ".";
  bool json = false;
};

DoctorOptions read_options(const Words& words) {
  DoctorOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--help" || word == "-h") {
      fmt::print("{}", help);
      throw Leave{0};
    }
    if (word == "--json") {
      options.json = true;
    } else if (word.starts_with("--shared=")) {
      options.folder = word.substr(9);
    } else if (word == "--shared" && i + 1 < words.size()) {
      options.folder = words[++i];
    } else {
      fmt::print(stderr, "gradus: gradus doctor does not know '{}': only --shared DIR, --json and --help\n", word);
      throw Leave{2};
    }
  }
  return options;
}

std::string absolute(const std::string& folder) {
  char path[PATH_MAX];
  if (realpath(folder.c_str(), path) != nullptr) return path;
  fmt::print(stderr, "gradus: --shared: {} is no folder that rank 0 can see\n", folder);
  throw Leave{2};
}

}  // namespace

int doctor_command(const Words& words, World& world, bool without_pmi) {
  const auto options = read_options(words);
  const auto folder = absolute(options.folder);
  const auto ranks = world.examine(folder);
  const auto found = findings(ranks, folder, without_pmi);
  fmt::print("{}", options.json ? health_json(ranks, found) : health_text(ranks, found));
  return !found.empty() && found.front().severity == Severity::error ? 1 : 0;
}

}  // namespace gradus::cli
