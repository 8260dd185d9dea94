#include "worker_rank.h"

#include <algorithm>
#include <limits>

#include "leaving.h"
#include "node/signals.h"
#include "node/slot_pool.h"
#include "post.h"

namespace gradus {
namespace {

class Pump {
 public:
  Pump(const StartOrder& order, const StepEnvironment& environment, Guardian& guardian)
      : pool_(order.rank, order.settings, environment, guardian, inbox_) {
    nap_.traffic(Slot::now_s());
    wake_on_signal(inbox_.fd());
  }
  ~Pump() { wake_on_signal(-1); }
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  void run() {
    while (!farewell_) {
      take_letters();
      send_ends();
      heed_signals();
      post_.flush();
      if (farewell_) break;
      const double now = Slot::now_s();
      inbox_.sleep(std::min(nap_.length(now), std::max(0.0, kill_at_ - now)));
    }
    answer_farewell();
  }

 private:
  void take_letters() {
    std::vector<Post::Letter> letters;
    if (post_.collect(letters)) nap_.traffic(Slot::now_s());
    for (auto& letter : letters) {
      if (letter.from != 0) continue;  // only the master gives orders
      for (auto& message : letter.messages) take(message);
    }
  }

  void take(Message& message) {
    if (auto* order = std::get_if<AttemptOrder>(&message)) {
      pool_.launch(std::move(*order));
    } else if (const auto* kill = std::get_if<KillOrder>(&message)) {
      pool_.kill(kill->step, kill->attempt, kill->at_once);
    } else if (std::holds_alternative<Farewell>(message)) {
      farewell_ = true;
    }
  }

  void send_ends() {
    std::vector<AttemptEnded> ended;
    inbox_.take(ended);
    for (auto& one : ended) post_.write(0, EndReport{one.step, one.attempt, std::move(one.result)});
    if (!ended.empty()) nap_.traffic(Slot::now_s());
  }

  /// The master hears the signal too and tells us to end our steps; but it may be dead or far away.
  void heed_signals() {
    const auto stop = take_stop_request(SignalRules::under_mpirun);
    const double now = Slot::now_s();
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
    const double until = Slot::now_s() + 5;
    while (!post_.all_sent() && Slot::now_s() < until) inbox_.sleep(200e-6);
  }

  Inbox inbox_;
  Post post_;
  Nap nap_;
  bool farewell_ = false;
  double kill_at_ = std::numeric_limits<double>::infinity();
  SlotPool pool_;  // last: its threads use the inbox
};

}  // namespace

void run_worker_rank(const StartOrder& order, const StepEnvironment& environment, Guardian& guardian) {
  Pump(order, environment, guardian).run();
}

}  // namespace gradus
