// The master's view of all worker ranks (and of its own slots with --master-works).
//
// Knows: which rank an action is for, the post, its own slot pool if it has one, which ranks are silent or gone.
// Unaware of: scheduling, the journal.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/message_counts.h"
#include "core/order.h"
#include "core/silence.h"
#include "gradus/cluster.h"
#include "gradus/graph.h"
#include "mpi_environment.h"
#include "node/clock.h"
#include "node/doorbell.h"
#include "node/nap.h"
#include "node/short_turns.h"
#include "node/slot_pool.h"
#include "post.h"

namespace gradus {

class MpiCluster : public Cluster {
 public:
  /// On rank 0, after every rank has got its StartOrder. References must outlive the cluster.
  /// Without `settings.survive` a lost rank is also a request to cancel the run.
  MpiCluster(std::shared_ptr<const Graph> graph, const Plan& plan, RunSettings settings,
             const StepEnvironment& environment, Guardian& guardian, const MpiEnvironment& mpi);
  /// Says farewell to every worker that is left and waits for its answer (at most a few seconds).
  ~MpiCluster() override;

  void perform(const LaunchAttempt& launch) override;
  void perform(const KillAttempt& kill) override;
  void wait(double until, std::vector<Fact>& facts) override;
  double now() const override { return monotonic_s(); }

 private:
  void take_letters(std::vector<Fact>& facts);
  void take_own(std::vector<Fact>& facts);
  void say_farewell();
  void keep_in_touch(std::vector<Fact>& facts);
  void send_beats(double listened);
  void read_gone_file(std::vector<Fact>& facts);
  void lose(std::uint32_t rank, const std::string& why, std::vector<Fact>& facts);
  /// False when it was lost already.
  bool forget(std::uint32_t rank);
  /// True when that rank has a slot that waits for it.
  bool count_order(std::uint32_t rank);
  void count_end(std::uint32_t rank);
  void lose_and_stop(std::uint32_t rank, const std::string& why, std::vector<Fact>& facts);
  double nap(double now) const;
  bool is_lazy() const;
  void answer_bell();
  void see_whether_all_can_ring();
  void send();

  std::shared_ptr<const Graph> graph_;
  WorkerHosts hosts_;
  std::vector<Fact> joins_;  // told at the first wait
  std::vector<std::uint32_t> workers_;
  Silence silence_;
  bool survive_;
  bool told_to_leave_ = false;  // by mpirun
  const MpiEnvironment& mpi_;   // abandoned with the first rank that is lost
  ListeningClock listening_;
  double next_look_ = 0, next_beat_ = 0;             // next_beat_: on the listening clock
  std::unordered_map<std::uint32_t, double> heard_;  // by worker that is not lost: when, on the listening clock
  struct Load {
    std::size_t slots = 0, orders = 0;  // orders: neither ended nor lost
    MasterCounts counts;
  };
  std::unordered_map<std::uint32_t, Load> loads_;  // by other rank
  std::size_t orders_waiting_ = 0;                 // more than there are slots, over all ranks
  std::string gone_file_;
  std::size_t gone_read_ = 0;  // bytes
  double look_often_until_ = 0, next_look_for_gone_ = 0;
  Guardian& guardian_;
  Inbox inbox_;
  Doorbell bell_;
  bool all_can_ring_ = false;
  std::vector<std::uint32_t> to_ring_;  // once the post has gone
  Post post_;
  Nap nap_;
  ShortTurns turns_;
  std::unique_ptr<SlotPool> own_slots_;
  double kill_own_at_ = std::numeric_limits<double>::infinity();
};

}  // namespace gradus
