// The one seam between the run loop and the world: where attempts are executed.
//
// Knows: how to take an action, give facts, and tell the time.
// Unaware of: why an attempt is launched or killed. Three implementations: LocalCluster (threads of
//        this process), MpiCluster (worker ranks), SimulatedCluster (virtual time, seeded faults).
#pragma once

#include <vector>

#include "gradus/scheduler.h"

namespace gradus {

class Cluster {
 public:
  virtual ~Cluster() = default;

  /// Starts an attempt (perhaps later: actions may be collected until wait()). Never blocks on it.
  virtual void perform(const LaunchAttempt& launch) = 0;
  virtual void perform(const KillAttempt& kill) = 0;
  /// Appends what happened since the last call. Blocks until there is at least one fact or `until`
  /// (on now()'s clock) has come; may return earlier with nothing.
  virtual void wait(double until, std::vector<Fact>& facts) = 0;
  /// Seconds on a clock that does not go back.
  virtual double now() const = 0;
};

}  // namespace gradus
