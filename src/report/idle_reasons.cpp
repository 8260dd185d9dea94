#include "report/idle_reasons.h"

#include <algorithm>
#include <limits>

#include "core/slot_choice.h"

namespace gradus {
namespace {

bool is_for(const RunStory& story, std::size_t attempt, bool gpu) {
  const auto step = story.steps.in_graph(story.steps.of_attempt(attempt));
  if (gpu || step == no_step) return true;
  return !demand_of(*story.graph, step).wants_gpu;
}

}  // namespace

IdleReasons::IdleReasons(const RunStory& story, const Prerequisites& prerequisites, std::uint32_t life, bool gpu)
    : life_(life),
      life_begin_(story.time.begin(life)),
      life_end_(story.time.end(life)),
      first_begin_(life_end_),
      stop_(std::numeric_limits<double>::infinity()) {
  const auto& lives = story.chronicle.lives();
  const auto end = life + 1 < lives.size() ? lives[life + 1].first_attempt : story.attempts();
  for (auto attempt = lives[life].first_attempt; attempt < end; ++attempt) {
    if (story.row(attempt).never_began()) continue;
    first_begin_ = std::min(first_begin_, story.spans.of(attempt).begin);
    if (is_for(story, attempt, gpu)) collect(story, prerequisites, attempt);
  }
  if (!lives[life].stops.empty()) stop_ = story.time.at(life, lives[life].stops.front().t);
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) { return a.t < b.t; });

  append(life_begin_, LostTo::start);
  std::array<int, 3> left{};
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    left[changes_[i].what] += changes_[i].by;
    if (i + 1 < changes_.size() && changes_[i + 1].t == changes_[i].t) continue;
    append(changes_[i].t, left[ready] > 0   ? LostTo::other
                          : left[again] > 0 ? LostTo::retries
                          : left[later] > 0 ? LostTo::prerequisites
                                            : LostTo::tail);
  }
  append(stop_, LostTo::drain);
  changes_ = {};
}

/// A step is left until it begins; it is ready from the end of the last that it needs, or to be tried again.
void IdleReasons::collect(const RunStory& story, const Prerequisites& prerequisites, std::size_t attempt) {
  const auto& span = story.spans.of(attempt);
  const auto step = story.steps.of_attempt(attempt);
  const auto change = [&](double t, Left what, int by) { changes_.push_back({std::max(t, life_begin_), what, by}); };
  const auto all = story.steps.attempts(step);
  const auto at = std::lower_bound(all.begin(), all.end(), static_cast<std::uint32_t>(attempt));
  if (at != all.begin() && story.row(*(at - 1)).life == life_) {
    change(story.spans.of(*(at - 1)).end, again, 1);
    change(span.begin, again, -1);
    return;
  }
  change(life_begin_, later, 1);
  change(span.begin, later, -1);
  if (story.steps.in_graph(step) == no_step) return;
  const auto awaited = prerequisites.latest(step);
  const double since = awaited ? story.spans.of(*awaited).end : life_begin_;
  if (since >= span.begin) return;
  change(since, ready, 1);
  change(span.begin, ready, -1);
}

/// Before the first step begins it is the start, after a stop the stop, whatever else could be said.
void IdleReasons::append(double begin, LostTo reason) {
  begin = std::min(begin, life_end_);
  if (reason != LostTo::start && reason != LostTo::drain) {
    if (begin >= stop_) return;
    begin = std::max(begin, first_begin_);
  }
  Piece next{begin, reason, {}};
  if (!pieces_.empty()) {
    const auto& last = pieces_.back();
    next.before = last.before;
    next.before[static_cast<std::size_t>(last.reason)] += std::max(0.0, begin - last.begin);
    next.begin = std::max(begin, last.begin);
  }
  pieces_.push_back(next);
}

IdleReasons::Seconds IdleReasons::until(double t) const {
  auto at = std::upper_bound(pieces_.begin(), pieces_.end(), t, [](double x, const Piece& p) { return x < p.begin; });
  if (at == pieces_.begin()) return {};
  --at;
  auto seconds = at->before;
  seconds[static_cast<std::size_t>(at->reason)] += t - at->begin;
  return seconds;
}

void IdleReasons::add(double begin, double end, Seconds& seconds) const {
  if (end <= begin) return;
  const auto from = until(begin), to = until(end);
  for (std::size_t i = 0; i < lost_to_count; ++i) seconds[i] += to[i] - from[i];
}

}  // namespace gradus
