#include "run/resume.h"

#include <fmt/format.h>

#include <optional>

#include "core/order.h"
#include "core/step_keys.h"
#include "gradus/marks.h"

namespace gradus {
namespace {

/// The folder a step ran in; nothing when it depends on who ran it. A relative folder stays relative.
std::optional<std::string> folder_of(const Graph& graph, StepIndex step, const std::string& run_dir) {
  bool is_known = true;
  auto folder = expand_marks(graph.options(step).cwd, [&](Mark mark, bool) -> std::string {
    if (mark == Mark::run_dir) return run_dir;
    if (mark == Mark::step) return std::to_string(step + 1);
    is_known = false;
    return "";
  });
  if (!is_known) return std::nullopt;
  return folder;
}

bool has_outputs(const Graph& graph, StepIndex step, const std::string& run_dir, const PathExists& exists) {
  if (graph.step(step).creates.empty()) return true;
  const auto folder = folder_of(graph, step, run_dir);
  for (const auto& path : split_zero_terminated(graph.step(step).creates)) {
    const bool is_whole = path.starts_with('/') || (folder && folder->empty());
    // Where nobody can say any more where to look, the journal is believed.
    if (!is_whole && !folder) continue;
    if (!exists(is_whole ? path : *folder + "/" + path)) return false;
  }
  return true;
}

/// Everything that needs, also through barriers, a step that is to be run.
std::size_t run_again_behind(const Graph& graph, std::vector<bool>& done) {
  std::vector<StepIndex> todo;
  std::vector<bool> seen(graph.node_count(), false);
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    if (done[step]) continue;
    todo.push_back(step);
    seen[step] = true;
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

ResumePlan plan_resume(const Graph& graph, const JournalStory& story, const PathExists& exists,
                       const std::string& run_dir, std::uint32_t aside) {
  ResumePlan plan;
  plan.succeeded_before.assign(graph.step_count(), false);
  const auto keys = step_keys(graph);
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    const auto it = story.steps.find(keys[step].key);
    if (it == story.steps.end()) continue;
    if (it->second.life > aside && it->second.ordinal != step + 1) plan.is_reordered = true;
    if (!it->second.succeeded) continue;
    if (it->second.digest != keys[step].digest) {
      ++plan.changed;
    } else if (!has_outputs(graph, step, run_dir, exists)) {
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

EarlierDurations earlier_durations(const Graph& graph, const JournalStory& story) {
  EarlierDurations durations;
  if (story.steps.empty()) return durations;
  const auto keys = step_keys(graph);
  durations.of_step.assign(keys.size(), -1);
  for (StepIndex step = 0; step < keys.size(); ++step) {
    const auto it = story.steps.find(keys[step].key);
    if (it == story.steps.end() || !it->second.succeeded) continue;
    durations.of_step[step] = it->second.seconds;
    durations.model.observe(command_shape(graph.step(step).command), it->second.seconds);
  }
  return durations;
}

std::string ResumePlan::in_words() const {
  const auto to_run = succeeded_before.size() - kept;
  auto text = fmt::format("{} of {} steps succeeded before; {} to run", kept, succeeded_before.size(), to_run);
  const auto again = changed + outputs_missing + behind_others;
  if (again == 0) return text;
  std::vector<std::string> reasons;
  if (changed > 0) reasons.push_back(fmt::format("{} changed", changed));
  if (outputs_missing > 0) reasons.push_back(fmt::format("{} lost an output", outputs_missing));
  if (behind_others > 0) reasons.push_back(fmt::format("{} need one that runs again", behind_others));
  if (to_run > again) reasons.push_back(fmt::format("{} had not succeeded", to_run - again));
  return fmt::format("{}: {}", text, fmt::join(reasons, ", "));
}

}  // namespace gradus
