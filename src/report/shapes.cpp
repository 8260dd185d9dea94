#include "report/shapes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "gradus/durations.h"

namespace gradus {
namespace {

struct Seen {
  ShapeStory story;
  std::vector<float> succeeded, others;
  double longest_s = -1;
};

void take(const RunStory& story, std::uint32_t attempt, Seen& seen) {
  const double seconds = story.spans.of(attempt).seconds();
  const auto& row = story.row(attempt);
  ++seen.story.count;
  if (row.failed()) ++seen.story.failed;
  seen.story.total_s += seconds;
  (row.failed() ? seen.others : seen.succeeded).push_back(static_cast<float>(seconds));
  if (seconds <= seen.longest_s) return;
  seen.longest_s = seconds;
  seen.story.longest = attempt;
}

/// The smallest value that at least `share` of all do not exceed.
double quantile(const std::vector<float>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1]);
}

ShapeStory measured(Seen& seen) {
  auto& seconds = seen.succeeded.empty() ? seen.others : seen.succeeded;
  std::sort(seconds.begin(), seconds.end());
  seen.story.median_s = quantile(seconds, 0.5);
  seen.story.p95_s = quantile(seconds, 0.95);
  seen.story.max_s = static_cast<double>(seconds.back());
  seen.story.mean_s = std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  return std::move(seen.story);
}

}  // namespace

std::vector<ShapeStory> shapes_of(const RunStory& story) {
  if (story.graph == nullptr) return {};
  std::unordered_map<std::uint64_t, Seen> all;
  for (std::uint32_t attempt = 0; attempt < story.attempts(); ++attempt) {
    const auto& row = story.row(attempt);
    const auto step = story.steps.in_graph(story.steps.of_attempt(attempt));
    if (row.state != AttemptRow::State::ended || row.outcome == OutcomeKind::cancelled || step == no_step) continue;
    const auto command = story.graph->step(step).command;
    auto& seen = all[command_shape(command)];
    if (seen.story.count == 0) seen.story.shape = command_shape_text(command);
    take(story, attempt, seen);
  }
  std::vector<ShapeStory> shapes;
  for (auto& [shape, seen] : all) shapes.push_back(measured(seen));
  std::sort(shapes.begin(), shapes.end(), [](const ShapeStory& a, const ShapeStory& b) {
    return a.total_s != b.total_s ? a.total_s > b.total_s : a.shape < b.shape;
  });
  return shapes;
}

}  // namespace gradus
