#include "node/local_cluster.h"

#include <algorithm>
#include <iterator>

#include "core/order.h"

namespace gradus {

LocalCluster::LocalCluster(std::shared_ptr<const Graph> graph, const Plan& plan, RunSettings settings,
                           const StepEnvironment& environment, Guardian& guardian, SignalRules signals)
    : graph_(std::move(graph)),
      signals_(signals),
      hosts_(worker_hosts(plan)),
      joins_(joining_facts(plan)),
      pool_(plan.ranks.front(), std::move(settings), environment, guardian, inbox_) {
  wake_on_signal(inbox_.fd());
}

LocalCluster::~LocalCluster() { wake_on_signal(-1); }

void LocalCluster::perform(const LaunchAttempt& launch) { pool_.launch(make_order(*graph_, launch, hosts_)); }

void LocalCluster::perform(const KillAttempt& kill) {
  if (kill.call_back) return pool_.call_back(kill.step, kill.attempt);
  pool_.kill(kill.step, kill.attempt, kill.at_once);
}

void LocalCluster::wait(double until, std::vector<Fact>& facts) {
  if (!joins_.empty()) {
    // Told to stop while it started: then nothing is.
    take_requests(signals_, facts);
    std::move(joins_.begin(), joins_.end(), std::back_inserter(facts));
    joins_.clear();
    return;
  }
  const bool is_lazy = pool_.ends_come_quietly();
  turns_.want(!is_lazy);
  inbox_.sleep(is_lazy ? std::min(until - now(), lazy_nap_s) : until - now());
  std::vector<AttemptEnded> ended;
  inbox_.take(ended);
  take_requests(signals_, facts);
  for (auto& one : ended) facts.push_back(std::move(one));
}

}  // namespace gradus
