// The master's view of all worker ranks (and of its own slots with --master-works).
//
// Knows: which rank an action is for, the post, its own slot pool if it has one.
// Unaware of: scheduling, the journal.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/order.h"
#include "gradus/cluster.h"
#include "gradus/graph.h"
#include "node/slot_pool.h"
#include "post.h"

namespace gradus {

class MpiCluster : public Cluster {
 public:
  /// On rank 0, after every rank has got its StartOrder. References must outlive the cluster.
  MpiCluster(std::shared_ptr<const Graph> graph, const Plan& plan, RunSettings settings,
             const StepEnvironment& environment, Guardian& guardian);
  /// Says farewell to every worker and waits for its answer (at most a few seconds).
  ~MpiCluster() override;

  void perform(const LaunchAttempt& launch) override;
  void perform(const KillAttempt& kill) override;
  void wait(double until, std::vector<Fact>& facts) override;
  double now() const override { return Slot::now_s(); }

 private:
  void take_letters(std::vector<Fact>& facts);
  void take_own(std::vector<Fact>& facts);
  void say_farewell();

  std::shared_ptr<const Graph> graph_;
  WorkerHosts hosts_;
  std::vector<Fact> joins_;  // told at the first wait
  std::vector<std::uint32_t> workers_;
  Inbox inbox_;
  Post post_;
  Nap nap_;
  std::unique_ptr<SlotPool> own_slots_;
  double kill_own_at_ = std::numeric_limits<double>::infinity();
};

}  // namespace gradus
