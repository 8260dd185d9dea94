#include "report/bars.h"

namespace gradus {
namespace {

/// How short is short: up to `seconds` is drawn as one bar.
struct Grain {
  double seconds = 0;
  bool joins_failures = false;
};

bool are_one(const Bar& bar, const Bar& next, const Grain& grain) {
  return bar.outcome == next.outcome && next.end - bar.begin <= grain.seconds &&
         (grain.joins_failures || !is_trouble(bar.outcome));
}

std::vector<Bar> draw(const RunStory& story, const Grain& grain) {
  std::vector<Bar> bars;
  for (LaneIndex lane = 0; lane < story.lanes.all().size(); ++lane) {
    bool is_first = true;
    for (const auto attempt : story.spans.in_lane(lane)) {
      const auto& span = story.spans.of(attempt);
      const Bar bar{lane, span.begin, span.end, story.outcome_of(attempt), attempt, 1};
      if (!is_first && are_one(bars.back(), bar, grain)) {
        bars.back().end = bar.end;
        ++bars.back().count;
      } else {
        bars.push_back(bar);
      }
      is_first = false;
    }
  }
  return bars;
}

}  // namespace

std::vector<Bar> bars_of(const RunStory& story, std::size_t most) {
  auto bars = draw(story, {});
  const double length = story.time.length();
  // On a screen of some thousand points nothing shorter than this is seen anyway.
  for (double seconds = length / 16384; bars.size() > most && seconds < length; seconds *= 2) {
    bars = draw(story, {seconds, seconds > length / 256});
  }
  return bars;
}

}  // namespace gradus
