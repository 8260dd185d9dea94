#include "gradus/run_loop.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

namespace gradus {
namespace {

/// The observers of a run, the first of them the journal. When one fails, the run must not go on
/// unrecorded: it is told to drain, and the exception waits until what runs has ended.
class Recording {
 public:
  explicit Recording(const std::vector<Observer*>& observers) : observers_(observers) {}

  template <class Call>
  void each(const Call& call) {
    for (auto* observer : observers_) {
      try {
        call(*observer);
      } catch (...) {
        if (!failure_) failure_ = std::current_exception();
      }
    }
  }
  double next_wish(double now) const {
    double wish = std::numeric_limits<double>::infinity();
    for (const auto* observer : observers_) wish = std::min(wish, observer->next_wish(now));
    return wish;
  }
  bool failed() const { return failure_ != nullptr; }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const std::vector<Observer*>& observers_;
  std::exception_ptr failure_;
};

void act(Cluster& cluster, const Decisions& decisions) {
  for (const auto& kill : decisions.kills) cluster.perform(kill);
  for (const auto& launch : decisions.launches) cluster.perform(launch);
}

/// Moves what is to be acted upon, and what is not to be any more.
void append(Decisions& all, Decisions& some) {
  const auto move = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move(all.kills, some.kills);
  move(all.lost, some.lost);
  move(all.launches, some.launches);
}

AttemptEnded cancelled(const LaunchAttempt& launch) {
  AttemptEnded ended{launch.step, launch.attempt, launch.worker, {}};
  ended.result.outcome = cancelled_before_start();
  return ended;
}

using AttemptName = std::pair<StepIndex, std::uint32_t>;

template <class Decision>
AttemptName attempt_of(const Decision& decision) {
  return {decision.step, decision.attempt};
}

void drop_kills(Decisions& decisions, const std::set<AttemptName>& of) {
  std::erase_if(decisions.kills, [&](const KillAttempt& kill) { return of.contains(attempt_of(kill)); });
}

/// Takes those launches out of `decisions` whose attempts a later fact of the same turn has ended, and their kills.
/// Returns those of them that the scheduler waits for: all but those it has called lost.
std::vector<LaunchAttempt> take_ended_launches(Decisions& decisions) {
  std::vector<LaunchAttempt> awaited;
  if (decisions.launches.empty() || (decisions.kills.empty() && decisions.lost.empty())) return awaited;
  std::set<AttemptName> killed, lost, taken;
  for (const auto& kill : decisions.kills) killed.insert(attempt_of(kill));
  for (const auto& one : decisions.lost) lost.insert(attempt_of(one));
  std::erase_if(decisions.launches, [&](const LaunchAttempt& launch) {
    const auto attempt = attempt_of(launch);
    if (!killed.contains(attempt) && !lost.contains(attempt)) return false;
    taken.insert(attempt);
    if (!lost.contains(attempt)) awaited.push_back(launch);
    return true;
  });
  drop_kills(decisions, taken);
  return awaited;
}

/// What was decided but could not be recorded must not be started; to the scheduler it was cancelled.
void take_back(Scheduler& scheduler, Cluster& cluster, Recording& recording, Decisions& decisions) {
  const double now = cluster.now();
  Decisions drained, ignored;
  const Fact stop = StopRequested{StopKind::drain, "the run cannot be recorded", 0};
  scheduler.apply(stop, now, drained);
  recording.each([&](Observer& observer) { observer.on_fact(stop, {}, now); });
  append(decisions, drained);  // what waits at slots is called back
  std::set<AttemptName> taken;
  for (const auto& launch : decisions.launches) {
    taken.insert(attempt_of(launch));
    scheduler.apply(cancelled(launch), now, ignored);
  }
  drop_kills(decisions, taken);
  decisions.launches.clear();
}

}  // namespace

double Observer::next_wish(double /*now*/) const { return std::numeric_limits<double>::infinity(); }

void run_loop(Scheduler& scheduler, Cluster& cluster, const std::vector<Observer*>& observers) {
  Recording recording(observers);
  std::vector<Fact> facts;
  Decisions now_decided, to_act_on;
  bool told_to_drain = false;
  const auto take_in = [&](const Fact& fact, double now) {
    now_decided.clear();
    scheduler.apply(fact, now, now_decided);
    recording.each([&](Observer& observer) { observer.on_fact(fact, now_decided, now); });
    append(to_act_on, now_decided);
  };
  while (!scheduler.finished()) {
    facts.clear();
    to_act_on.clear();
    cluster.wait(std::min(scheduler.next_deadline(), recording.next_wish(cluster.now())), facts);
    const double now = cluster.now();
    for (const auto& fact : facts) take_in(fact, now);
    now_decided.clear();
    scheduler.advance(now, now_decided);
    recording.each([&](Observer& observer) { observer.on_time(now_decided, now); });
    append(to_act_on, now_decided);
    // What a later fact of the same turn ends must not start: the order to end it would come before it, and end
    // nothing.
    for (auto ended = take_ended_launches(to_act_on); !ended.empty(); ended = take_ended_launches(to_act_on)) {
      for (const auto& launch : ended) take_in(cancelled(launch), now);
    }
    recording.each([&](Observer& observer) { observer.commit(now); });
    if (recording.failed() && !told_to_drain) {
      told_to_drain = true;
      take_back(scheduler, cluster, recording, to_act_on);
    }
    act(cluster, to_act_on);
  }
  recording.rethrow();
}

}  // namespace gradus
