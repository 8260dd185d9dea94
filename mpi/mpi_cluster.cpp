#include "mpi_cluster.h"

#include <algorithm>
#include <limits>

#include "core/order.h"
#include "leaving.h"
#include "node/signals.h"

namespace gradus {

MpiCluster::MpiCluster(std::shared_ptr<const Graph> graph, const Plan& plan, RunSettings settings,
                       const StepEnvironment& environment, Guardian& guardian)
    : graph_(std::move(graph)), hosts_(worker_hosts(plan)), joins_(joining_facts(plan)) {
  for (const auto& rank : plan.ranks) {
    if (rank.rank != 0) workers_.push_back(rank.rank);
  }
  if (!plan.ranks.front().slots.empty()) {
    own_slots_ = std::make_unique<SlotPool>(plan.ranks.front(), std::move(settings), environment, guardian, inbox_);
  }
  nap_.traffic(now());
  wake_on_signal(inbox_.fd());
}

MpiCluster::~MpiCluster() {
  wake_on_signal(-1);
  own_slots_.reset();
  say_farewell();
}

void MpiCluster::perform(const LaunchAttempt& launch) {
  auto order = make_order(*graph_, launch, hosts_);
  if (launch.worker == 0) return own_slots_->launch(std::move(order));
  post_.write(launch.worker, std::move(order));
  nap_.traffic(now());
}

void MpiCluster::perform(const KillAttempt& kill) {
  if (kill.worker == 0) return own_slots_->kill(kill.step, kill.attempt, kill.at_once);
  post_.write(kill.worker, KillOrder{kill.step, kill.attempt, kill.at_once});
}

void MpiCluster::wait(double until, std::vector<Fact>& facts) {
  if (!joins_.empty()) {
    facts = std::move(joins_);
    joins_.clear();
    return;
  }
  for (;;) {
    post_.flush();
    take_letters(facts);
    take_own(facts);
    const double time = now();
    if (!facts.empty() || time >= until) return;
    inbox_.sleep(std::min({nap_.length(time), until - time, std::max(0.0, kill_own_at_ - time)}));
  }
}

void MpiCluster::take_letters(std::vector<Fact>& facts) {
  std::vector<Post::Letter> letters;
  if (!post_.collect(letters)) return;
  nap_.traffic(now());
  for (auto& letter : letters) {
    for (auto& message : letter.messages) {
      // A worker has nothing else to say; what it should not say changes nothing.
      if (auto* end = std::get_if<EndReport>(&message)) {
        facts.emplace_back(AttemptEnded{end->step, end->attempt, letter.from, std::move(end->result)});
      }
    }
  }
}

void MpiCluster::take_own(std::vector<Fact>& facts) {
  std::vector<AttemptEnded> ended;
  inbox_.take(ended);
  for (auto& one : ended) facts.emplace_back(std::move(one));
  if (auto stop = take_stop_request(SignalRules::under_mpirun)) {
    if (stop->kind >= StopKind::cancel) kill_own_at_ = now() + leave_within_s;
    facts.emplace_back(std::move(*stop));
  }
  if (now() < kill_own_at_) return;
  kill_own_at_ = std::numeric_limits<double>::infinity();
  if (own_slots_) own_slots_->kill_all(true);
}

void MpiCluster::say_farewell() {
  for (const auto worker : workers_) post_.write(worker, Farewell{});
  auto awaited = workers_;
  const double until = now() + 10;
  while (!awaited.empty() && now() < until) {
    post_.flush();
    std::vector<Post::Letter> letters;
    post_.collect(letters);
    for (const auto& letter : letters) {
      const bool said = std::any_of(letter.messages.begin(), letter.messages.end(),
                                    [](const Message& message) { return std::holds_alternative<Farewell>(message); });
      if (said) std::erase(awaited, letter.from);
    }
    if (!awaited.empty()) inbox_.sleep(200e-6);
  }
}

}  // namespace gradus
