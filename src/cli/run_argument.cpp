#include "cli/run_argument.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/options.h"
#include "core/printable.h"
#include "run/run_directory.h"

namespace gradus::cli {
namespace {

bool holds_run(const std::string& folder) { return access((folder + "/journal.jsonl").c_str(), F_OK) == 0; }

}  // namespace

std::string run_of(const std::string& word) {
  if (holds_run(word)) return word;
  auto run = default_run_directory(word);
  if (holds_run(run)) return run;
  fmt::print(stderr, "gradus: {}\n", printable(word + " holds no run"));
  throw Leave{2};
}

}  // namespace gradus::cli
