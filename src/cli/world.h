// The ranks that take part: this process alone, or all ranks of an mpirun.
//
// Knows: how to ask every rank what it is, and how to turn a plan into a running cluster.
// Unaware of: options, steps files, the run directory.
#pragma once

#include <memory>
#include <vector>

#include "core/wire.h"
#include "gradus/cluster.h"
#include "gradus/graph.h"
#include "mpi/mpi_environment.h"
#include "node/environment.h"
#include "node/guardian.h"
#include "node/signals.h"

namespace gradus::cli {

/// Seen from the master. Exactly one of these is called in the end: start(), or dismiss().
class World {
 public:
  World(const StepEnvironment& environment, Guardian& guardian) : environment_(environment), guardian_(guardian) {}
  virtual ~World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  const StepEnvironment& environment() const { return environment_; }
  Guardian& guardian() const { return guardian_; }
  virtual bool alone() const = 0;
  virtual SignalRules signal_rules() const = 0;
  /// Every rank's word on itself, by rank.
  virtual std::vector<RankReport> ask(bool look_for_gpus, bool master_works) = 0;
  /// Every rank's word on its machine and on `folder`, by rank; nothing can be started afterwards.
  virtual std::vector<RankHealth> examine(const std::string& folder) = 0;
  /// Every rank gets its part of the plan; the cluster refers to this world and must not outlive it.
  virtual std::unique_ptr<Cluster> start(std::shared_ptr<const Graph> graph, const Plan& plan,
                                         const RunSettings& settings) = 0;
  /// Nothing will be run, or all is over: the other ranks may leave.
  virtual void dismiss() = 0;

 protected:
  const StepEnvironment& environment_;
  Guardian& guardian_;
};

/// What this rank says of itself. `look_for_gpus`: ask the driver in a short-lived child.
RankReport report_of_this_rank(std::uint32_t rank, bool look_for_gpus);

std::unique_ptr<World> world_of_one(const StepEnvironment& environment, Guardian& guardian, bool under_mpirun);
std::unique_ptr<World> world_of_ranks(const MpiEnvironment& mpi, const StepEnvironment& environment,
                                      Guardian& guardian);

/// All that a rank other than 0 does. Returns its exit code; MPI is abandoned when it cannot be finalized.
int take_part(const MpiEnvironment& mpi, const StepEnvironment& environment, Guardian& guardian);

}  // namespace gradus::cli
