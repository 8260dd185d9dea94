#include "report/lost_time.h"

#include <algorithm>
#include <memory>

#include "report/idle_reasons.h"

namespace gradus {
namespace {

/// What an attempt that held a slot was good for; LostTo::start stands for: it was not lost.
LostTo loss_of(std::uint8_t outcome) {
  if (outcome == static_cast<std::uint8_t>(OutcomeKind::succeeded) || outcome == still_running) return LostTo::start;
  if (outcome == static_cast<std::uint8_t>(OutcomeKind::lost_with_worker) || outcome == cut_off) {
    return LostTo::lost_ranks;
  }
  return outcome == static_cast<std::uint8_t>(OutcomeKind::cancelled) ? LostTo::drain : LostTo::retries;
}

class Account {
 public:
  explicit Account(const RunStory& story) : story_(story), prerequisites_(story), next_(story.lanes.all().size(), 0) {}

  LostTime of_all() {
    for (const auto& presence : story_.lanes.presences()) take(presence);
    return lost_;
  }

 private:
  double& to(LostTo reason) { return lost_.by_reason[static_cast<std::size_t>(reason)]; }

  const IdleReasons& reasons(std::uint32_t life, bool gpu) {
    if (life != life_) gpu_.reset(), cpu_.reset();
    life_ = life;
    auto& one = gpu ? gpu_ : cpu_;
    if (!one) one = std::make_unique<IdleReasons>(story_, prerequisites_, life, gpu);
    return *one;
  }

  /// Presences come by life, a lane's attempts by time: each attempt is looked at once.
  void take(const LanePresence& presence) {
    const double begin = story_.time.begin(presence.life), end = story_.time.end(presence.life);
    lost_.slot_s += end - begin;
    to(LostTo::start) += presence.since - begin;
    double free_since = presence.since;
    const auto& attempts = story_.spans.in_lane(presence.lane);
    auto& next = next_[presence.lane];
    for (; next < attempts.size() && story_.row(attempts[next]).life == presence.life; ++next) {
      const auto& span = story_.spans.of(attempts[next]);
      idle(presence, free_since, span.begin);
      busy(attempts[next], span.end - std::max(span.begin, free_since));
      free_since = std::max(free_since, span.end);
    }
    idle(presence, free_since, end);
  }

  void busy(std::uint32_t attempt, double seconds) {
    const auto loss = loss_of(story_.outcome_of(attempt));
    (loss == LostTo::start ? lost_.busy_s : to(loss)) += seconds;
  }

  void idle(const LanePresence& presence, double begin, double end) {
    const auto split = [&](double at, LostTo reason) {
      const double from = std::max(begin, at);
      if (end > from) to(reason) += end - from;
      end = std::min(end, from);
    };
    if (presence.is_lost) split(presence.until, LostTo::lost_ranks);
    if (presence.quarantine) split(*presence.quarantine, LostTo::quarantine);
    reasons(presence.life, story_.lanes.all()[presence.lane].has_gpu()).add(begin, end, lost_.by_reason);
  }

  const RunStory& story_;
  Prerequisites prerequisites_;
  std::vector<std::size_t> next_;  // by lane: into its attempts
  std::uint32_t life_ = 0;
  std::unique_ptr<IdleReasons> gpu_, cpu_;
  LostTime lost_;
};

}  // namespace

const char* in_words(LostTo reason) {
  switch (reason) {
    case LostTo::start: return "start";
    case LostTo::prerequisites: return "waiting for prerequisites";
    case LostTo::tail: return "tail";
    case LostTo::retries: return "failed attempts and pauses before retries";
    case LostTo::quarantine: return "quarantine";
    case LostTo::lost_ranks: return "lost ranks";
    case LostTo::drain: return "stopping";
    case LostTo::other: return "between steps";
  }
  return "?";
}

LostTime lost_time_of(const RunStory& story) { return Account(story).of_all(); }

}  // namespace gradus
