// The cluster of one process: slots are threads of it.
//
// Knows: the slot pool and this process's signals.
// Unaware of: MPI, the journal, scheduling.
#pragma once

#include <memory>

#include "core/order.h"
#include "gradus/cluster.h"
#include "gradus/graph.h"
#include "node/clock.h"
#include "node/short_turns.h"
#include "node/signals.h"
#include "node/slot_pool.h"

namespace gradus {

class LocalCluster : public Cluster {
 public:
  /// `plan` has one rank. Everything given by reference must outlive the cluster.
  LocalCluster(std::shared_ptr<const Graph> graph, const Plan& plan, RunSettings settings,
               const StepEnvironment& environment, Guardian& guardian, SignalRules signals);
  ~LocalCluster() override;

  void perform(const LaunchAttempt& launch) override;
  void perform(const KillAttempt& kill) override;
  void wait(double until, std::vector<Fact>& facts) override;
  double now() const override { return monotonic_s(); }

 private:
  std::shared_ptr<const Graph> graph_;
  SignalRules signals_;
  Inbox inbox_;
  WorkerHosts hosts_;
  std::vector<Fact> joins_;  // told at the first wait
  ShortTurns turns_;         // short but while ends come quietly
  SlotPool pool_;
};

}  // namespace gradus
