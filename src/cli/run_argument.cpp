#include "cli/run_argument.h"

#include <unistd.h>

#include "cli/input.h"
#include "cli/options.h"
#include "core/printable.h"
#include "node/tell.h"
#include "run/run_directory.h"

namespace gradus::cli {

std::string run_of(const std::string& word) {
  for (const auto& folder : {word, default_run_directory(word)}) {
    if (access((folder + "/journal.jsonl").c_str(), F_OK) == 0) return folder;
  }
  tell(stderr, "gradus: {} holds no run: name a run directory or the steps file beside it\n", printable(word));
  throw Leave{2};
}

StepsFile read_kept_steps(const std::string& path) {
  StepsFile unreadable;
  const auto text = read_text(path, unreadable.mistakes);
  return unreadable.mistakes.empty() ? parse_steps(path, text, steps_format(path), is_run_option) : unreadable;
}

}  // namespace gradus::cli
