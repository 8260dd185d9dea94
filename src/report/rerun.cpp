#include "report/rerun.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/template_text.h"

namespace gradus {
namespace {

std::string name_of(const RunStory& story, std::uint32_t ordinal) {
  if (story.graph != nullptr && ordinal <= story.graph->step_count()) return story.graph->name(ordinal - 1);
  return story.chronicle.name(ordinal);
}

bool is_done(const RunStory& story, std::uint32_t ordinal) {
  const auto standing = story.chronicle.standing(ordinal);
  if (standing == StepStanding::untouched) return story.chronicle.lives().back().is_kept(ordinal);
  return standing == StepStanding::succeeded;
}

std::vector<std::string> left(const RunStory& story, std::size_t most) {
  std::vector<std::string> names;
  for (const bool failed : {true, false}) {
    for (std::uint32_t ordinal = 1; ordinal <= story.chronicle.lives().back().step_count; ++ordinal) {
      if (names.size() >= most) return names;
      if (is_done(story, ordinal) || (story.chronicle.standing(ordinal) == StepStanding::failed) != failed) continue;
      names.push_back(name_of(story, ordinal));
    }
  }
  return names;
}

/// How its ranks were started: by the ranks that the journal knows of; alone there is one, which is rank 0.
std::string launcher(const LifeStory& life) {
  std::uint32_t ranks = 1;
  for (const auto& [id, worker] : life.workers) ranks = std::max(ranks, id + 1);
  if (ranks == 1) return "";
  const bool survives = std::find(life.argv.begin(), life.argv.end(), "--survive") != life.argv.end();
  return fmt::format("{} -np {} ", survives ? "gradus-mpirun" : "mpirun", ranks);
}

std::string command(const LifeStory& life, const std::string& kept_steps) {
  auto words = life.argv;
  if (words.size() < 2) words = {"gradus", "run", life.steps_file};
  std::erase(words, "--restart");
  if (std::find(words.begin(), words.end(), "--resume") == words.end()) words.emplace_back("--resume");
  std::string line = launcher(life);
  for (const auto& one : words) line += (&one == &words.front() ? "" : " ") + shell_word(one);
  const bool from_input = std::find(words.begin(), words.end(), "-") != words.end();
  if (from_input && !kept_steps.empty()) line += " <" + shell_word(kept_steps);
  return line;
}

}  // namespace

Rerun rerun_of(const RunStory& story, std::size_t most_names, const std::string& kept_steps) {
  if (story.time.lives() == 0) return {};
  const auto counts = story.chronicle.counts();
  Rerun rerun{counts.total - counts.succeeded, {}, ""};
  if (rerun.count == 0) return rerun;
  rerun.names = left(story, most_names);
  rerun.command = command(story.chronicle.lives().back(), kept_steps);
  return rerun;
}

}  // namespace gradus
