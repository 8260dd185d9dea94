// gradus explain: why a step is not running, or what a run's idle slots wait for.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/run_argument.h"
#include "core/printable.h"
#include "node/clock.h"
#include "node/tell.h"
#include "run/explanation.h"
#include "run/journal_tail.h"
#include "run/status.h"

namespace gradus::cli {
namespace {

constexpr const char* help =
    "Usage: gradus explain RUN         what the run's slots wait for\n"
    "       gradus explain RUN STEP    why that step is not running, or how it came to its end\n\n"
    "RUN is a run directory or its steps file; STEP an id or an ordinal.\n\n"
    "  --json   for programs (src/docs/json.md)\n\n"
    "Reasons are those that the journal and the run's copy of its steps show; nearest first.\n";

[[noreturn]] void refuse(const std::string& what) {
  tell(stderr, "gradus: {}\n", printable(what));
  throw Leave{2};
}

struct Wanted {
  std::string run, step;
  bool json = false;
};

Wanted read_words(const Words& words) {
  Wanted wanted;
  for (const auto& word : words) {
    if (word == "--json") {
      wanted.json = true;
    } else if (word.starts_with("-") && word != "-") {
      refuse(fmt::format("gradus explain does not know '{}': see gradus explain --help", word));
    } else if (wanted.run.empty()) {
      wanted.run = word;
    } else if (wanted.step.empty()) {
      wanted.step = word;
    } else {
      refuse(fmt::format("one step, please: both '{}' and '{}' were given", wanted.step, word));
    }
  }
  if (wanted.run.empty()) refuse("which run? gradus explain RUN [STEP]");
  return wanted;
}

void print(const std::string& title, const std::vector<std::string>& reasons, bool as_json) {
  if (as_json) {
    const nlohmann::json document{{"version", 1}, {"about", title}, {"why", reasons}};
    tell(stdout, "{}\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  tell(stdout, "{}\n", printable(title));
  for (const auto& reason : reasons) tell(stdout, "  {}\n", printable(reason));
}

}  // namespace

int explain_command(const Words& words) {
  for (const auto& word : words) {
    if (word != "--help" && word != "-h") continue;
    tell(stdout, "{}", help);
    return 0;
  }
  const auto wanted = read_words(words);
  const auto run = run_of(wanted.run);
  std::string why_not;
  const auto graph = graph_of_run(run, why_not);
  if (!graph) refuse(why_not + ": without it nothing can be explained");
  const JournalTail journal(run + "/journal.jsonl");
  const auto& chronicle = journal.chronicle();
  if (chronicle.lives().empty()) refuse(run + " has not begun");
  const auto status = status_of(run, chronicle, pulse_of(run, chronicle), epoch_s());
  const Explanation explanation(status, chronicle, *graph);
  if (!journal.damage().empty()) tell(stderr, "gradus: {}\n", printable(journal.damage()));
  if (wanted.step.empty()) {
    print(fmt::format("{}: {}", run, status.state_text), explanation.of_run(), wanted.json);
    return 0;
  }
  const auto step = graph->find(wanted.step);
  if (step == no_step) refuse(fmt::format("{} has no step '{}'", run, wanted.step));
  print("step " + graph->name(step), explanation.of_step(step), wanted.json);
  return 0;
}

}  // namespace gradus::cli
