// A cluster that exists only in virtual time: the real scheduler and the real loop are tried on it.
//
// Knows: workers and their slots, how long an attempt takes and how it ends (a model), when workers
//        join and go, which messages are lost, late, doubled or invented (seeded faults).
// Unaware of: the order of steps, retries, reservations; it never looks at prerequisites. It starts no
//        thread or process and reads no clock: equal arguments give equal runs on every machine.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "gradus/cluster.h"

namespace gradus {

/// A worker and its fate. Times are virtual seconds from the start of the run.
struct SimulatedWorker {
  WorkerId worker = 0;
  WorkerShape shape;
  double joins_at = 0;  ///< those that join at 0 are announced together, before anything else
  double lost_at = std::numeric_limits<double>::infinity();
};

/// How one attempt goes when nothing interferes.
struct SimulatedAttempt {
  double seconds = 1;  ///< ≥ 0
  Outcome outcome;
};
/// The course of attempt `attempt` (from 1) of `step`. Must be a pure function.
using AttemptModel = std::function<SimulatedAttempt(StepIndex step, std::uint32_t attempt)>;

/// Probabilities lie in 0..1; all draws depend on `seed` and on what they are drawn for, never on order.
struct SimulatedFaults {
  std::uint64_t seed = 1;
  double step_failure = 0;     ///< an attempt fails in some way of its own instead of following the model
  double bad_slot = 0;         ///< a slot fails whatever it is given, ten times as fast as the model says
  double worker_loss = 0;      ///< a worker without a `lost_at` is lost at some time before `horizon_s`
  double late_join = 0;        ///< a worker joins at some time before `horizon_s`; never the first one
  double stop = 0;             ///< a stop of some kind is requested at some time before `horizon_s`
  double hold = 0;             ///< a hold of a few seconds is requested at some time before `horizon_s`
  double horizon_s = 100;      ///< virtual seconds
  double message_delay_s = 0;  ///< what a worker says takes up to this long; one worker's messages keep their order
  double loss_notice_s = 0;    ///< from the loss of a worker to its being noticed, at most
  double kill_grace_s = 1;     ///< an attempt told to end ends within this
  /// Ends are told twice, out of order, after their worker was declared lost; and workers say what never was:
  /// attempts that were not launched, joins of those who are there, losses of those who never came.
  bool hostile = false;
  /// A message between the master and a worker (an order, a kill order, an end, a beat) never comes. The next beat that
  /// does tells of it: the run is stopped, and that worker, which is still there, is lost to it. Not with `hostile`:
  /// MPI doubles nothing and keeps the order, and the counts in the beats rest on that.
  double message_loss = 0;
};

struct SimulatedStop {
  double at = 0;
  Fact request;  ///< StopRequested or HoldRequested
};

struct Simulation {
  std::vector<SimulatedWorker> workers;
  AttemptModel model;  ///< empty: every attempt takes the graph's expected_s() and succeeds
  SimulatedFaults faults;
  std::vector<SimulatedStop> stops;
  std::size_t facts_per_wait = 0;  ///< wait() gives at most so many facts; 0: all that are there
  std::uint64_t event_limit = 0;   ///< wait() throws after so many events, 0: no limit
};

/// Virtual time moves only inside wait(). Throws std::logic_error when told what no cluster could do
/// (a slot that is taken or does not exist; a step that runs yet on a worker called lost), and std::runtime_error when
/// nothing will ever happen again while the loop waits for ever, or when the event limit is reached: waiting for
/// nothing is a failure. Not thread-safe. Memory grows with slots, not with steps.
class SimulatedCluster final : public Cluster {
 public:
  struct Statistics {
    std::uint64_t events = 0;  ///< taken from the event queue, and waits that ended with nothing
    std::uint64_t facts = 0;   ///< given to the loop
    std::uint64_t launched = 0;
    std::uint64_t ended = 0;  ///< attempts that ended in the world, told or not
    std::uint64_t gone = 0;   ///< attempts that vanished with their worker, or were sent to one already gone
    std::uint64_t killed = 0;
    std::uint64_t unheard = 0;  ///< messages that were lost on the way
  };

  /// A step's time limit is taken from `graph`: a longer attempt ends then, timed out.
  SimulatedCluster(std::shared_ptr<const Graph> graph, Simulation simulation);
  ~SimulatedCluster() override;

  void perform(const LaunchAttempt& launch) override;
  void perform(const KillAttempt& kill) override;
  void wait(double until, std::vector<Fact>& facts) override;
  double now() const override;

  const Statistics& statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus
