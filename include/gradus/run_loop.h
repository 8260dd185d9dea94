// The run loop: carries facts from the cluster to the scheduler and decisions back, recording before acting.
//
// Knows: the order of one turn: wait, apply, record, act.
// Unaware of: which cluster it drives, what is recorded and where, every scheduling rule.
#pragma once

#include <vector>

#include "gradus/cluster.h"
#include "gradus/scheduler.h"

namespace gradus {

/// Sees everything that happens in a run, on the loop's thread, in order. `now` is the cluster's clock.
class Observer {
 public:
  virtual ~Observer() = default;
  /// A fact has come in and the scheduler has decided what follows. `decisions` holds only what this fact brought.
  virtual void on_fact(const Fact& fact, const Decisions& decisions, double now) = 0;
  /// Time alone brought these decisions.
  virtual void on_time(const Decisions& decisions, double now) = 0;
  /// Called once a turn after the facts and before any decision is acted upon: what was seen must be
  /// recorded when this returns. Throws when it cannot be; the loop then starts nothing more.
  virtual void commit(double now) = 0;
  /// The next moment at which commit() should be called although nothing happened (a progress line);
  /// infinity when there is none.
  virtual double next_wish(double now) const;
};

/// Runs until the scheduler has finished and returns. Exceptions of observers (a full disk) stop the
/// run: nothing new is started, what runs is awaited, and the first exception is thrown again at the end.
void run_loop(Scheduler& scheduler, Cluster& cluster, const std::vector<Observer*>& observers);

}  // namespace gradus
