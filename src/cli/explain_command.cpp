// gradus explain: why a step is not running, or what a run's idle slots wait for.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/look_words.h"
#include "cli/run_argument.h"
#include "core/printable.h"
#include "node/clock.h"
#include "node/tell.h"
#include "run/explanation.h"
#include "run/journal_tail.h"
#include "run/status.h"
#include "run/steps_of_run.h"

namespace gradus::cli {
namespace {

constexpr LookOption options[] = {{"json", nullptr, "for programs (gradus-json(5), src/docs/json.md)"}};

const LookForm form{"explain",
                    "Usage: gradus explain RUN         what the run's slots wait for\n"
                    "       gradus explain RUN STEP    why that step is not running, or how it came to its end\n\n"
                    "RUN is a run directory or its steps file; STEP an id or an ordinal.\n",
                    options,
                    "Reasons are those that the journal and the run's copy of its steps show; nearest first.\n",
                    {"run", "step"}};

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

int explain_command(const Words& given) {
  const LookWords words(form, given);
  const auto run = run_of(words.value("run"));
  StepsOfRun steps(run, read_kept_steps);
  steps.begin();
  JournalTail journal(run + "/journal.jsonl");
  const auto pulse = pulse_of(run, journal);  // may read on
  const auto& chronicle = journal.chronicle();
  if (chronicle.lives().empty()) words.refuse(run + " has not begun");
  std::string why_not;
  const auto graph = steps.graph(chronicle, why_not);
  if (!graph) words.refuse(why_not + ": without the steps nothing can be explained");
  const auto status = status_of(run, chronicle, pulse, epoch_s());
  const Explanation explanation(status, chronicle, *graph);
  if (!journal.damage().empty()) tell(stderr, "gradus: {}\n", printable(journal.damage()));
  if (!words.has("step")) {
    print(fmt::format("{}: {}", run, status.state_text), explanation.of_run(), words.has("json"));
    return 0;
  }
  const auto step = step_named(*graph, chronicle, words.value("step"));
  if (step == no_step) words.refuse(fmt::format("{} has no step '{}'", run, words.value("step")));
  print("step " + graph->name(step), explanation.of_step(step), words.has("json"));
  return 0;
}

}  // namespace gradus::cli
