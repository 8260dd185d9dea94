// gradus doctor: what each rank sees, and what is wrong with it.
#include <fmt/format.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/look_words.h"
#include "cli/options.h"

namespace gradus::cli {
namespace {

constexpr LookOption form_options[] = {
    {"shared", "DIR", "the folder that is to hold run directories (default: the current one)"},
    {"json", nullptr, "for programs: schema gradus-doctor/1"}};

const LookForm form{
    "doctor",
    "Usage: gradus doctor [--shared DIR] [--json]\n"
    "       mpirun -np N gradus doctor ...          (or srun --mpi=pmix)\n\n"
    "Prints what each rank sees (cores, memory, limits, GPUs, MPI, whether the ranks share a folder and its locks), "
    "and\n"
    "what is wrong with it and how to mend it. Start it in the way in which you start gradus run.\n",
    form_options,
    "Exit code: 1 when something keeps a run from working, else 0.\n",
    {}};

struct DoctorOptions {
  std::string folder = ".";
  bool json = false;
};

DoctorOptions read_options(const Words& given) {
  const LookWords words(form, given);
  return {words.has("shared") ? words.value("shared") : ".", words.has("json")};
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
