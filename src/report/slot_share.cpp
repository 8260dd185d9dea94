#include "report/slot_share.h"

#include <algorithm>

namespace gradus {
namespace {

class Bins {
 public:
  Bins(std::size_t count, double width) : width_(width), seconds_(count) {}
  void add(double begin, double end) {
    if (end <= begin) return;
    for (std::size_t bin = of(begin); bin <= of(end); ++bin) {
      const double from = static_cast<double>(bin) * width_;
      seconds_[bin] += std::max(0.0, std::min(end, from + width_) - std::max(begin, from));
    }
  }
  double operator[](std::size_t bin) const { return seconds_[bin]; }

 private:
  std::size_t of(double t) const { return std::min(seconds_.size() - 1, static_cast<std::size_t>(t / width_)); }

  double width_;
  std::vector<double> seconds_;
};

std::vector<double> share(const RunStory& story, std::size_t bins, double width, bool gpu) {
  Bins there(bins, width), busy(bins, width);
  for (const auto& presence : story.lanes.presences()) {
    if (story.lanes.all()[presence.lane].has_gpu() == gpu) there.add(presence.since, presence.until);
  }
  for (LaneIndex lane = 0; lane < story.lanes.all().size(); ++lane) {
    if (story.lanes.all()[lane].has_gpu() != gpu) continue;
    for (const auto attempt : story.spans.in_lane(lane)) {
      busy.add(story.spans.of(attempt).begin, story.spans.of(attempt).end);
    }
  }
  std::vector<double> shares(bins, -1.0);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    if (there[bin] > 0) shares[bin] = std::min(1.0, busy[bin] / there[bin]);
  }
  return shares;
}

}  // namespace

SlotShare slot_share_of(const RunStory& story, std::size_t bins) {
  const double length = story.time.length();
  if (bins == 0 || length <= 0 || story.lanes.all().empty()) return {};
  const double width = length / static_cast<double>(bins);
  return {width, share(story, bins, width, true), share(story, bins, width, false)};
}

}  // namespace gradus
