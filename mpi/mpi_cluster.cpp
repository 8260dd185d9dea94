#include "mpi_cluster.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "core/log_names.h"
#include "core/lost_rank.h"
#include "core/order.h"
#include "leaving.h"
#include "node/signals.h"

namespace gradus {

MpiCluster::MpiCluster(std::shared_ptr<const Graph> graph, const Plan& plan, RunSettings settings,
                       const StepEnvironment& environment, Guardian& guardian, const MpiEnvironment& mpi)
    : graph_(std::move(graph)),
      hosts_(worker_hosts(plan)),
      joins_(joining_facts(plan)),
      silence_{settings.lost_after_s},
      survive_(settings.survive),
      mpi_(mpi),
      gone_file_(gone_file(settings.run_dir, settings.life)),
      guardian_(guardian),
      bell_(settings.life, 0) {
  for (const auto& rank : plan.ranks) {
    if (rank.rank == 0) continue;
    workers_.push_back(rank.rank);
    heard_[rank.rank] = 0;
    loads_[rank.rank].slots = rank.slots.size();
  }
  guardian_.watch(silence_.guardian_gives_up_s());
  try {
    if (!plan.ranks.front().slots.empty()) {
      own_slots_ = std::make_unique<SlotPool>(plan.ranks.front(), std::move(settings), environment, guardian, inbox_);
    }
  } catch (...) {
    say_farewell();  // the others have started already
    throw;
  }
  // They do the same: whoever comes second finds the other's bell in its place.
  for (const auto worker : workers_) bell_.ring(worker);
  nap_.traffic(now());
  wake_on_signal(inbox_.fd());
}

MpiCluster::~MpiCluster() {
  wake_on_signal(-1);
  own_slots_.reset();
  say_farewell();
  guardian_.stop_watching();
  unlink(gone_file_.c_str());
}

void MpiCluster::perform(const LaunchAttempt& launch) {
  if (launch.worker != 0 && !heard_.contains(launch.worker)) return;  // its loss will be told
  auto order = make_order(*graph_, launch, hosts_);
  if (launch.worker == 0) return own_slots_->launch(std::move(order));
  post_.write(launch.worker, std::move(order));
  loads_[launch.worker].counts.send_order();
  if (count_order(launch.worker)) to_ring_.push_back(launch.worker);
  nap_.traffic(now());
}

void MpiCluster::perform(const KillAttempt& kill) {
  if (kill.worker == 0 && kill.call_back) return own_slots_->call_back(kill.step, kill.attempt);
  if (kill.worker == 0) return own_slots_->kill(kill.step, kill.attempt, kill.at_once);
  if (!heard_.contains(kill.worker)) return;
  post_.write(kill.worker, KillOrder{kill.step, kill.attempt, kill.at_once, kill.call_back});
  loads_[kill.worker].counts.send_order();
  to_ring_.push_back(kill.worker);
}

bool MpiCluster::count_order(std::uint32_t rank) {
  auto& load = loads_[rank];
  if (load.orders++ < load.slots) return true;
  ++orders_waiting_;
  return false;
}

void MpiCluster::count_end(std::uint32_t rank) {
  auto& load = loads_[rank];
  if (load.orders == 0) return;  // a worker's nonsense
  if (load.orders-- > load.slots) --orders_waiting_;
}

/// Where short steps wait at the slots, nobody waits for us; a short nap would take time from them.
double MpiCluster::nap(double now) const {
  if (orders_waiting_ > 0) return lazy_nap_s;
  const double for_others = nap_.length(now, all_can_ring_ && !post_.is_sending());
  return is_lazy() ? std::min(lazy_nap_s, for_others) : for_others;
}

bool MpiCluster::is_lazy() const { return orders_waiting_ > 0 || (own_slots_ && own_slots_->ends_come_quietly()); }

void MpiCluster::answer_bell() {
  const auto before = bell_.known();
  if (bell_.answer()) nap_.traffic(now());
  if (bell_.known() > before) see_whether_all_can_ring();
}

/// Those that cannot (on other machines) are looked for.
void MpiCluster::see_whether_all_can_ring() {
  all_can_ring_ = std::all_of(heard_.begin(), heard_.end(), [this](const auto& one) { return bell_.knows(one.first); });
}

/// A ring before its letter would wake a rank for nothing.
void MpiCluster::send() {
  post_.flush();
  if (to_ring_.empty()) return;
  std::sort(to_ring_.begin(), to_ring_.end());
  to_ring_.erase(std::unique(to_ring_.begin(), to_ring_.end()), to_ring_.end());
  for (const auto rank : to_ring_) {
    if (bell_.knows(rank)) bell_.ring(rank);
  }
  to_ring_.clear();
}

void MpiCluster::wait(double until, std::vector<Fact>& facts) {
  if (!joins_.empty()) {
    take_own(facts);  // told to stop while it started: then nothing is
    std::move(joins_.begin(), joins_.end(), std::back_inserter(facts));
    joins_.clear();
    return;
  }
  for (;;) {
    guardian_.beat();
    send();
    answer_bell();
    take_letters(facts);
    take_own(facts);
    keep_in_touch(facts);
    const double time = now();
    if (!facts.empty() || time >= until) return;
    turns_.want(!is_lazy());
    inbox_.sleep(std::min({nap(time), until - time, std::max(0.0, kill_own_at_ - time),
                           std::max(0.0, next_look_for_gone_ - time)}),
                 bell_.fd());
  }
}

void MpiCluster::take_letters(std::vector<Fact>& facts) {
  std::vector<Post::Letter> letters;
  if (!post_.collect(letters)) return;
  for (auto& letter : letters) {
    const auto it = heard_.find(letter.from);
    if (it == heard_.end()) continue;  // late words of a rank that was called lost change nothing
    it->second = listening_.listened_s();
    if (!letter.is_whole) {
      // What stood there may have been an end that now never comes.
      lose_and_stop(letter.from, "sent bytes that are no message of this program", facts);
      continue;
    }
    for (auto& message : letter.messages) {
      // A worker has nothing else to say; what it should not say changes nothing.
      if (const auto* beat = std::get_if<Beat>(&message)) {
        if (const auto lost = loads_[letter.from].counts.lost(*beat); !lost.empty()) {
          lose_and_stop(letter.from, lost, facts);
          break;
        }
      } else if (auto* end = std::get_if<EndReport>(&message)) {
        count_end(letter.from);
        loads_[letter.from].counts.hear_end();
        facts.emplace_back(AttemptEnded{end->step, end->attempt, letter.from, std::move(end->result)});
        nap_.traffic(now());
      }
    }
  }
}

void MpiCluster::take_own(std::vector<Fact>& facts) {
  std::vector<AttemptEnded> ended;
  inbox_.take(ended);
  for (auto& one : ended) facts.emplace_back(std::move(one));
  const auto before = facts.size();
  take_requests(SignalRules::under_mpirun, facts);
  for (auto i = before; i < facts.size(); ++i) {
    // It may be mpirun's, which has lost a rank and kills us within a second: time enough to say which.
    look_often_until_ = now() + 10;
    next_look_for_gone_ = 0;
    const auto* stop = std::get_if<StopRequested>(&facts[i]);
    if (stop == nullptr || stop->kind < StopKind::cancel) continue;
    told_to_leave_ = true;
    kill_own_at_ = now() + leave_within_s;
  }
  if (now() < kill_own_at_) return;
  kill_own_at_ = std::numeric_limits<double>::infinity();
  if (own_slots_) own_slots_->kill_all(true);
}

/// Once a second is enough for everything that has to do with silence.
void MpiCluster::keep_in_touch(std::vector<Fact>& facts) {
  const double time = now();
  listening_.look(time);
  if (time >= next_look_for_gone_) {
    next_look_for_gone_ = time + (time < look_often_until_ ? 0.05 : 1);
    read_gone_file(facts);
  }
  if (time < next_look_) return;
  next_look_ = time + 1;
  const double listened = listening_.listened_s();
  if (listened >= next_beat_) send_beats(listened);
  std::vector<std::uint32_t> silent;
  for (const auto& [rank, when] : heard_) {
    if (listened - when > silence_.master_gives_up_s()) silent.push_back(rank);
  }
  std::sort(silent.begin(), silent.end());
  for (const auto rank : silent) {
    lose(rank, fmt::format("not heard of for {:.0f} s", listened - heard_[rank]), facts);
  }
}

void MpiCluster::send_beats(double listened) {
  next_beat_ = listened + silence_.beat_every_s();
  for (const auto& [rank, when] : heard_) {
    if (listened - when < silence_.no_beat_to_silent_s()) post_.write(rank, loads_[rank].counts.beat());
  }
  post_.flush();
}

/// Guardians write there which rank is gone and has no step left: seconds earlier than any silence could tell.
void MpiCluster::read_gone_file(std::vector<Fact>& facts) {
  std::ifstream file(gone_file_);
  if (!file.seekg(static_cast<std::streamoff>(gone_read_))) return;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    gone_read_ += line.size() + 1;
    lose(static_cast<std::uint32_t>(std::strtoul(line.c_str(), nullptr, 10)), "the rank was killed, or stopped", facts);
  }
}

bool MpiCluster::forget(std::uint32_t rank) {
  if (heard_.erase(rank) == 0) return false;
  mpi_.abandon();
  std::erase(workers_, rank);
  see_whether_all_can_ring();
  while (loads_[rank].orders > 0) count_end(rank);
  return true;
}

void MpiCluster::lose(std::uint32_t rank, const std::string& why, std::vector<Fact>& facts) {
  if (!survive_) return lose_and_stop(rank, why, facts);
  if (forget(rank)) facts.emplace_back(WorkerLost{rank, why});
}

/// With --survive only of one that is there: nobody knows what it does, so nothing may be started in place of its
/// steps.
void MpiCluster::lose_and_stop(std::uint32_t rank, const std::string& why, std::vector<Fact>& facts) {
  if (!forget(rank)) return;
  for (auto& fact : stopped_for_lost_rank(rank, fmt::format("rank {} {}", rank, survive_ ? why : "was lost"), why)) {
    facts.push_back(std::move(fact));
  }
  if (!survive_) kill_own_at_ = std::min(kill_own_at_, now() + leave_within_s);
}

void MpiCluster::say_farewell() {
  const Farewell farewell{!mpi_.abandoned(), mpi_.abandoned() && told_to_leave_};
  for (const auto worker : workers_) post_.write(worker, farewell);
  to_ring_ = workers_;
  auto awaited = workers_;
  const double until = now() + 10;
  while (!awaited.empty() && now() < until) {
    guardian_.beat();
    send();
    std::vector<Post::Letter> letters;
    post_.collect(letters);
    for (const auto& letter : letters) {
      const bool said = std::any_of(letter.messages.begin(), letter.messages.end(),
                                    [](const Message& message) { return std::holds_alternative<Farewell>(message); });
      if (said) std::erase(awaited, letter.from);
    }
    if (!awaited.empty()) inbox_.sleep(200e-6);
  }
  if (!awaited.empty()) mpi_.abandon();  // MPI_Finalize would wait for them
}

}  // namespace gradus
