#include "report/run_tail.h"

#include <algorithm>

namespace gradus {
namespace {

constexpr std::size_t most_last = 5;

std::vector<LaneIndex> sound_lanes(const RunStory& story, std::uint32_t life) {
  const bool gpus_only = story.lanes.any_gpu();
  std::vector<LaneIndex> lanes;
  for (const auto& presence : story.lanes.presences()) {
    if (presence.life != life || presence.is_lost || presence.quarantine) continue;
    if (!gpus_only || story.lanes.all()[presence.lane].has_gpu()) lanes.push_back(presence.lane);
  }
  return lanes;
}

double busy_s(const RunStory& story, LaneIndex lane, double from, double until) {
  double seconds = 0;
  const auto& attempts = story.spans.in_lane(lane);
  for (auto it = attempts.rbegin(); it != attempts.rend(); ++it) {
    const auto& span = story.spans.of(*it);
    if (span.end <= from) break;
    seconds += std::max(0.0, std::min(span.end, until) - std::max(span.begin, from));
  }
  return seconds;
}

std::vector<std::uint32_t> last_attempts(const RunStory& story, std::size_t first) {
  std::vector<std::uint32_t> all;
  for (auto attempt = first; attempt < story.attempts(); ++attempt) all.push_back(static_cast<std::uint32_t>(attempt));
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), most_last));
  std::partial_sort(all.begin(), middle, all.end(),
                    [&](auto a, auto b) { return story.spans.of(a).end > story.spans.of(b).end; });
  all.erase(middle, all.end());
  return all;
}

}  // namespace

std::optional<RunTail> tail_of(const RunStory& story) {
  if (story.time.lives() == 0) return std::nullopt;
  const auto life = story.time.lives() - 1;
  const auto first = story.chronicle.lives()[life].first_attempt;
  if (first >= story.attempts() || !story.chronicle.running().empty()) return std::nullopt;
  const auto lanes = sound_lanes(story, life);
  if (lanes.empty()) return std::nullopt;

  RunTail tail;
  tail.last = last_attempts(story, first);
  tail.end_s = story.spans.of(tail.last.front()).end;
  tail.first_dry_s = tail.end_s;
  for (const auto lane : lanes) {
    const auto& attempts = story.spans.in_lane(lane);
    const double left = attempts.empty() ? 0 : story.spans.of(attempts.back()).end;
    tail.first_dry_s = std::min(tail.first_dry_s, std::max(story.time.begin(life), left));
  }
  double busy = 0;
  for (const auto lane : lanes) busy += busy_s(story, lane, tail.first_dry_s, tail.end_s);
  if (tail.seconds() > 0) tail.busy_share = busy / (tail.seconds() * static_cast<double>(lanes.size()));
  return tail;
}

}  // namespace gradus
