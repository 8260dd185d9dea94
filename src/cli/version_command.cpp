// gradus --version: what this program was built with, and what it runs with.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "mpi/mpi_environment.h"

namespace gradus::cli {
namespace {

void print_for_people() {
  const std::string toolkit = GRADUS_CUDA_TOOLKIT;
  fmt::print("gradus {}\n", GRADUS_VERSION);
  fmt::print("MPI: built with {} (MPI {}), runs with {}\n", mpi_built_with(), mpi_standard(), mpi_library());
  fmt::print("CUDA: {}\n", toolkit.empty() ? "built without a toolkit: GPUs are known by the visible-devices variables"
                                           : "built with toolkit " + toolkit);
  fmt::print("compiler: {}\n", GRADUS_COMPILER);
}

void print_json() {
  const std::string toolkit = GRADUS_CUDA_TOOLKIT;
  nlohmann::json document{
      {"schema", "gradus-version/1"},
      {"version", GRADUS_VERSION},
      {"mpi", {{"built_with", mpi_built_with()}, {"runs_with", mpi_library()}, {"standard", mpi_standard()}}},
      {"cuda", {{"toolkit", nullptr}}},
      {"compiler", GRADUS_COMPILER}};
  if (!toolkit.empty()) document["cuda"]["toolkit"] = toolkit;
  fmt::print("{}\n", document.dump(2));
}

}  // namespace

int version_command(const Words& words) {
  if (words.empty()) {
    print_for_people();
  } else if (words.size() == 1 && words[0] == "--json") {
    print_json();
  } else {
    fmt::print(stderr, "gradus: gradus --version knows --json and nothing else\n");
    return 2;
  }
  return 0;
}

}  // namespace gradus::cli
