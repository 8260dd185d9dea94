#include "report/critical_path.h"

#include <algorithm>
#include <optional>

namespace gradus {
namespace {

/// Clocks of nodes differ: a prerequisite may seem to end a little after what needed it began.
constexpr double clock_doubt_s = 0.5;

class Walk {
 public:
  Walk(const RunStory& story, const Prerequisites& prerequisites) : story_(story), prerequisites_(prerequisites) {}

  /// What `attempt` waited for; `link` learns what that is to it.
  std::optional<std::uint32_t> before(std::uint32_t attempt, CriticalLink& link) {
    attempt_ = attempt;
    found_.reset();
    const auto step = story_.steps.of_attempt(attempt);
    offer(prerequisites_.latest(step), CriticalLink::After::prerequisite, link);
    offer(earlier_attempt(step), CriticalLink::After::earlier_attempt, link);
    for (const auto lane : story_.spans.lanes(attempt)) offer(held_before(lane), CriticalLink::After::slot, link);
    const double since = found_ ? story_.spans.of(*found_).end : 0;
    link.waited_s = std::max(0.0, story_.spans.of(attempt).begin - since);
    return found_;
  }

 private:
  /// A prerequisite wins against what held the slot until the same moment: it is the better reason.
  void offer(std::optional<std::uint32_t> other, CriticalLink::After after, CriticalLink& link) {
    if (!other || *other == attempt_) return;
    const auto& own = story_.spans.of(attempt_);
    const auto& its = story_.spans.of(*other);
    if (its.end > own.begin + clock_doubt_s || its.begin >= own.begin) return;
    if (found_ && story_.spans.of(*found_).end >= its.end) return;
    found_ = other;
    link.after = after;
  }

  std::optional<std::uint32_t> earlier_attempt(std::uint32_t step) const {
    const auto all = story_.steps.attempts(step);
    const auto at = std::lower_bound(all.begin(), all.end(), attempt_);
    return at == all.begin() ? std::nullopt : std::optional(*(at - 1));
  }

  std::optional<std::uint32_t> held_before(LaneIndex lane) const {
    const auto& all = story_.spans.in_lane(lane);
    const auto at = std::lower_bound(all.begin(), all.end(), attempt_);
    return at == all.begin() ? std::nullopt : std::optional(*(at - 1));
  }

  const RunStory& story_;
  const Prerequisites& prerequisites_;
  std::uint32_t attempt_ = 0;
  std::optional<std::uint32_t> found_;
};

}  // namespace

const char* word(CriticalLink::After after) {
  switch (after) {
    case CriticalLink::After::nothing: return "nothing";
    case CriticalLink::After::prerequisite: return "prerequisite";
    case CriticalLink::After::slot: return "slot";
    case CriticalLink::After::earlier_attempt: return "earlier attempt";
  }
  return "?";
}

std::vector<CriticalLink> critical_path_of(const RunStory& story, const Prerequisites& prerequisites) {
  std::vector<CriticalLink> path;
  Walk walk(story, prerequisites);
  std::optional<std::uint32_t> attempt;
  if (story.spans.last() < story.attempts()) attempt = static_cast<std::uint32_t>(story.spans.last());
  while (attempt) {
    path.push_back({*attempt, CriticalLink::After::nothing, 0});
    attempt = walk.before(*attempt, path.back());
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace gradus
