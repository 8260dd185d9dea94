#include "report/failures.h"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace gradus {
namespace {

constexpr std::size_t most_examples = 3;
constexpr std::uint64_t enough_failures = 3;

struct Seen {
  FailureCause cause;
  std::unordered_set<std::uint32_t> steps;
  std::map<LaneIndex, std::uint64_t> places;
  std::vector<std::uint32_t> others;  // examples that were not a step's end
};

bool is_end_of_step(const RunStory& story, std::uint32_t attempt) {
  const auto& row = story.row(attempt);
  return row.life + 1 == story.time.lives() && story.chronicle.standing(row.ordinal) == StepStanding::failed &&
         story.steps.last_attempt(story.steps.of_attempt(attempt)) == attempt;
}

void take(const RunStory& story, std::uint32_t attempt, Seen& seen) {
  ++seen.cause.count;
  ++seen.places[story.spans.of(attempt).lane];
  const auto step = story.steps.of_attempt(attempt);
  if (seen.steps.insert(step).second) seen.cause.steps.push_back(step);
  const bool is_end = is_end_of_step(story, attempt);
  if (is_end) ++seen.cause.steps_failed;
  auto& examples = is_end ? seen.cause.examples : seen.others;
  if (examples.size() < most_examples) examples.push_back(attempt);
}

FailureCause told(Seen&& seen) {
  auto& cause = seen.cause;
  cause.places.assign(seen.places.begin(), seen.places.end());
  std::stable_sort(cause.places.begin(), cause.places.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto attempt : seen.others) {
    if (cause.examples.size() < most_examples) cause.examples.push_back(attempt);
  }
  return std::move(cause);
}

/// Failures of steps themselves: a loss says nothing about the slot.
std::vector<BadPlace> tally(const RunStory& story) {
  std::vector<BadPlace> places(story.lanes.all().size());
  for (LaneIndex lane = 0; lane < places.size(); ++lane) {
    auto& place = places[lane];
    place.lane = lane;
    for (const auto attempt : story.spans.in_lane(lane)) {
      const auto& row = story.row(attempt);
      if (row.state != AttemptRow::State::ended || row.outcome == OutcomeKind::cancelled) continue;
      ++place.attempts;
      if (row.failed() && ++place.failures == 1) place.t_s = story.spans.of(attempt).end;
    }
  }
  for (const auto& presence : story.lanes.presences()) {
    if (!presence.quarantine) continue;
    places[presence.lane].is_quarantined = true;
    places[presence.lane].t_s = *presence.quarantine;
  }
  return places;
}

}  // namespace

std::vector<FailureCause> failures_of(const RunStory& story) {
  std::map<std::string, Seen> by_cause;
  for (std::uint32_t attempt = 0; attempt < story.attempts(); ++attempt) {
    if (!is_trouble(story.outcome_of(attempt))) continue;
    take(story, attempt, by_cause[story.cause_of(attempt)]);
  }
  std::vector<FailureCause> causes;
  for (auto& [words, seen] : by_cause) {
    causes.push_back(told(std::move(seen)));
    causes.back().cause = words;
  }
  std::stable_sort(causes.begin(), causes.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  return causes;
}

std::vector<BadPlace> bad_places_of(const RunStory& story) {
  auto places = tally(story);
  std::uint64_t attempts = 0, failures = 0;
  for (const auto& place : places) attempts += place.attempts, failures += place.failures;
  std::erase_if(places, [&](const BadPlace& place) {
    if (place.is_quarantined) return false;
    const auto elsewhere = attempts - place.attempts, failed_elsewhere = failures - place.failures;
    return place.failures < enough_failures || 2 * place.failures < place.attempts || elsewhere == 0 ||
           10 * failed_elsewhere > elsewhere;
  });
  return places;
}

}  // namespace gradus
