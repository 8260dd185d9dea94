#include "cli/run_argument.h"

#include <unistd.h>

#include "cli/input.h"
#include "cli/options.h"
#include "core/printable.h"
#include "node/tell.h"
#include "run/readiness.h"
#include "run/run_directory.h"

namespace gradus::cli {

std::string run_of(const std::string& word) {
  for (const auto& folder : {word, default_run_directory(word)}) {
    if (access((folder + "/journal.jsonl").c_str(), F_OK) == 0) return folder;
  }
  tell(stderr, "gradus: {} holds no run: name a run directory or the steps file beside it\n", printable(word));
  throw Leave{2};
}

std::shared_ptr<const Graph> graph_of_run(const std::string& run_dir, const Chronicle& chronicle,
                                          std::string& why_not) {
  const auto path = kept_steps(run_dir);
  if (path.empty()) {
    why_not = run_dir + " keeps no copy of its steps";
    return nullptr;
  }
  Diagnostics mistakes;
  const auto text = read_text(path, mistakes);
  StepsFile steps;
  if (mistakes.empty()) {
    steps = parse_steps(path, text, steps_format(path), is_run_option);
    mistakes = steps.mistakes;
  }
  if (!mistakes.empty()) why_not = to_string(mistakes.front());
  if (!steps.graph || is_of_latest_life(*steps.graph, chronicle)) return steps.graph;
  why_not = path + " is of a life of which the journal has no record, and not of its latest one";
  return nullptr;
}

}  // namespace gradus::cli
