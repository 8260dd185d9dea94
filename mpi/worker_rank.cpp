#include "worker_rank.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <thread>

#include "core/log_names.h"
#include "core/message_counts.h"
#include "core/silence.h"
#include "leaving.h"
#include "node/clock.h"
#include "node/cores.h"
#include "node/doorbell.h"
#include "node/nap.h"
#include "node/short_turns.h"
#include "node/signals.h"
#include "node/slot_pool.h"
#include "node/tell.h"
#include "post.h"

namespace gradus {
namespace {

class Pump {
 public:
  Pump(const StartOrder& order, const StepEnvironment& environment, Guardian& guardian)
      : bell_(order.settings.life, order.rank.rank),
        guardian_(guardian),
        silence_{order.settings.lost_after_s},
        pool_(order.rank, order.settings, environment, guardian, inbox_) {
    guardian_.watch(silence_.guardian_gives_up_s());
    nap_.traffic(monotonic_s());
    wake_on_signal(inbox_.fd());
  }
  ~Pump() { wake_on_signal(-1); }
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  /// How it ended.
  WorkerEnd run() {
    while (!farewell_) {
      guardian_.beat();
      if (bell_.answer()) nap_.traffic(monotonic_s());
      take_letters();
      keep_in_touch();
      if (forsaken_) return WorkerEnd::forsaken;
      const bool is_urgent = send_ends();
      heed_signals();
      post_.flush();
      if (is_urgent) bell_.ring(0);
      if (farewell_) break;
      const double now = monotonic_s();
      turns_.want(!pool_.ends_come_quietly());
      inbox_.sleep(std::min(nap(now), std::max(0.0, kill_at_ - now)), bell_.fd());
    }
    answer_farewell();
    guardian_.stop_watching();
    return farewell_->finalize ? WorkerEnd::in_peace : WorkerEnd::after_a_loss;
  }

 private:
  /// While orders wait at the slots, neither they nor the master are in a hurry.
  double nap(double now) const {
    return pool_.ends_come_quietly() ? lazy_nap_s : nap_.length(now, bell_.knows(0) && !post_.is_sending());
  }

  void take_letters() {
    std::vector<Post::Letter> letters;
    post_.collect(letters);
    for (auto& letter : letters) {
      if (letter.from != 0) continue;  // only the master gives orders
      for (auto& message : letter.messages) take(message);
    }
  }

  void take(Message& message) {
    if (auto* order = std::get_if<AttemptOrder>(&message)) {
      counts_.hear_order();
      pool_.launch(std::move(*order));
      nap_.traffic(monotonic_s());
    } else if (const auto* kill = std::get_if<KillOrder>(&message)) {
      counts_.hear_order();
      if (kill->call_back) return pool_.call_back(kill->step, kill->attempt);
      pool_.kill(kill->step, kill->attempt, kill->at_once);
    } else if (const auto* farewell = std::get_if<Farewell>(&message)) {
      farewell_ = *farewell;
    } else if (const auto* beat = std::get_if<Beat>(&message)) {
      counts_.hear_beat(*beat);
      heard_ = listening_.listened_s();
    }
  }

  /// True when the master waits for one of them.
  bool send_ends() {
    std::vector<AttemptEnded> ended;
    const bool is_urgent = inbox_.take(ended);
    for (auto& one : ended) post_.write(0, EndReport{one.step, one.attempt, std::move(one.result)});
    counts_.send_ends(ended.size());
    if (!ended.empty()) nap_.traffic(monotonic_s());
    return is_urgent;
  }

  /// Without the master nobody will ever ask for what runs here, and it may be started elsewhere.
  void keep_in_touch() {
    listening_.look(monotonic_s());
    const double listened = listening_.listened_s();
    if (listened >= next_beat_) {
      next_beat_ = listened + silence_.beat_every_s();
      post_.write(0, counts_.beat());
    }
    // Until it has answered: with many ranks on its machine some find no room at its bell.
    if (!bell_.knows(0) && monotonic_s() >= next_ring_) {
      next_ring_ = monotonic_s() + 1;
      bell_.ring(0);
    }
    if (listened - heard_ < silence_.worker_gives_up_s()) return;
    forsaken_ = true;
    tell(stderr, "gradus: {}: rank 0 was not heard of for {:.0f} s; its steps here are ended\n", host_name(),
         listened - heard_);
    pool_.kill_all(false);
    const double until = monotonic_s() + 2;
    while (pool_.busy() && monotonic_s() < until) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  /// The master hears the signal too and tells us to end our steps; but it may be dead or far away.
  void heed_signals() {
    const auto stop = take_stop_request(SignalRules::under_mpirun);
    const double now = monotonic_s();
    if (stop && stop->kind >= StopKind::cancel) {
      pool_.kill_all(stop->kind == StopKind::kill);
      kill_at_ = std::min(kill_at_, now + leave_within_s);
    }
    if (now < kill_at_) return;
    kill_at_ = std::numeric_limits<double>::infinity();
    pool_.kill_all(true);
  }

  void answer_farewell() {
    post_.write(0, Farewell{});
    const double until = monotonic_s() + 5;
    while (!post_.all_sent() && monotonic_s() < until) inbox_.sleep(200e-6);
    if (farewell_->linger) std::this_thread::sleep_for(std::chrono::duration<double>(linger_s));
  }

  Inbox inbox_;
  Doorbell bell_;
  Post post_;
  Nap nap_;
  ShortTurns turns_;
  std::optional<Farewell> farewell_;
  Guardian& guardian_;
  Silence silence_;
  ListeningClock listening_;
  double next_beat_ = 0, heard_ = 0;  // on the listening clock
  WorkerCounts counts_;
  double next_ring_ = 0;
  bool forsaken_ = false;
  double kill_at_ = std::numeric_limits<double>::infinity();
  SlotPool pool_;  // last: its threads use the inbox
};

}  // namespace

WorkerEnd run_worker_rank(const StartOrder& order, const StepEnvironment& environment, Guardian& guardian) {
  // Before the slots: the master must hear of a rank that cannot have them, too.
  guardian.set_last_word(gone_file(order.settings.run_dir, order.settings.life), fmt::format("{}\n", order.rank.rank),
                         true);
  return Pump(order, environment, guardian).run();
}

}  // namespace gradus
