#include "report/run_time.h"

#include <algorithm>

namespace gradus {

RunTime::RunTime(const Chronicle& chronicle, std::optional<double> now) {
  double begin = 0;
  for (const auto& story : chronicle.lives()) {
    const bool goes_on = now && !story.over && &story == &chronicle.lives().back();
    const double end = story.over ? story.over->t : goes_on ? std::max(*now, story.last) : story.last;
    lives_.push_back({story.begin, begin, std::max(0.0, end - story.begin)});
    begin += lives_.back().seconds;
  }
}

double RunTime::at(std::uint32_t life, double epoch_s) const {
  const auto& one = lives_[life];
  return one.begin + std::clamp(epoch_s - one.epoch, 0.0, one.seconds);
}

}  // namespace gradus
