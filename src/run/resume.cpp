#include "run/resume.h"

#include <fmt/format.h>

#include "core/order.h"
#include "core/step_keys.h"

namespace gradus {
namespace {

bool has_outputs(const Graph& graph, StepIndex step, const std::function<bool(const std::string&)>& exists) {
  const auto& folder = graph.options(step).cwd;
  for (const auto& path : split_zero_terminated(graph.step(step).creates)) {
    if (!exists(path.starts_with('/') || folder.empty() ? path : folder + "/" + path)) return false;
  }
  return true;
}

/// Everything that needs, also through barriers, a step that is to be run.
std::size_t run_again_behind(const Graph& graph, std::vector<bool>& done) {
  std::vector<StepIndex> todo;
  std::vector<bool> seen(graph.node_count(), false);
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    if (!done[step]) todo.push_back(step), seen[step] = true;
  }
  std::size_t count = 0;
  while (!todo.empty()) {
    const auto node = todo.back();
    todo.pop_back();
    for (const auto dependent : graph.dependents(node)) {
      if (seen[dependent]) continue;
      seen[dependent] = true;
      todo.push_back(dependent);
      if (graph.is_barrier(dependent)) continue;
      done[dependent] = false;
      ++count;
    }
  }
  return count;
}

}  // namespace

ResumePlan plan_resume(const Graph& graph, const JournalStory& story, const std::function<bool(const std::string&)>& exists) {
  ResumePlan plan;
  plan.succeeded_before.assign(graph.step_count(), false);
  const auto keys = step_keys(graph);
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    const auto it = story.steps.find(keys[step].key);
    if (it == story.steps.end() || !it->second.succeeded) continue;
    if (it->second.digest != keys[step].digest) {
      ++plan.changed;
    } else if (!has_outputs(graph, step, exists)) {
      ++plan.outputs_missing;
    } else {
      plan.succeeded_before[step] = true;
      ++plan.kept;
    }
  }
  plan.behind_others = run_again_behind(graph, plan.succeeded_before);
  plan.kept -= plan.behind_others;
  return plan;
}

std::string ResumePlan::in_words() const {
  auto text = fmt::format("{} of {} steps succeeded before, {} to run", kept, succeeded_before.size(),
                          succeeded_before.size() - kept);
  std::vector<std::string> reasons;
  if (changed > 0) reasons.push_back(fmt::format("{} changed", changed));
  if (outputs_missing > 0) reasons.push_back(fmt::format("{} lost an output", outputs_missing));
  if (behind_others > 0) reasons.push_back(fmt::format("{} need a step that runs again", behind_others));
  return reasons.empty() ? text : fmt::format("{} (of these {})", text, fmt::join(reasons, ", "));
}

}  // namespace gradus
