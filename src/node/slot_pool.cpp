#include "node/slot_pool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "node/clock.h"

namespace gradus {
namespace {

/// Threads made while this lives start with every signal blocked: signals are for the main thread, and
/// starting children relies on it.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

SlotPool::SlotPool(PlannedRank rank, RunSettings settings, const StepEnvironment& environment, Guardian& guardian,
                   Inbox& inbox)
    : inbox_(inbox) {
  if (rank.slots.size() > GuardianTable::capacity) {
    throw std::system_error(E2BIG, std::generic_category(), "more slots in one rank than a guardian can watch");
  }
  around_.rank = std::move(rank);
  around_.settings = std::move(settings);
  around_.environment = &environment;
  make_room_for_descriptors();
  around_.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (around_.null_fd < 0) throw std::system_error(errno, std::generic_category(), "/dev/null");
  around_.ended = [this](AttemptEnded ended, bool later) { inbox_.put(std::move(ended), later); };
  around_.deadline_changed = [this] { watch_.wake(); };
  around_.leftovers = &leftovers_;
  around_.looked_for = &looked_for_;
  pack_ = std::make_unique<OutputPack>(around_.settings.run_dir + "/" +
                                       pack_name(around_.rank.rank, around_.settings.life));
  around_.pack = pack_.get();
  around_.running = &running_;
  around_.waiting = &waiting_;
  around_.lineage = lineage_of_rank(around_.settings.life, around_.rank.rank);
  guardian.set_lineage(around_.lineage);
  const AllSignalsBlocked blocked;
  try {
    sampler_ = make_gpu_sampler(around_.rank, around_.settings);
    around_.sampler = sampler_.get();
    for (std::uint32_t slot = 0; slot < around_.rank.slots.size(); ++slot) {
      slots_.push_back(std::make_unique<Slot>(around_, slot, guardian.cell(slot)));
    }
    watcher_ = std::thread([this] { watch_deadlines(); });
  } catch (const std::system_error& error) {
    throw std::runtime_error(
        fmt::format("no thread can be started for slot {} of {}: {} (ulimit -u, or the job's limit)", slots_.size(),
                    around_.rank.slots.size(), error.code().message()));
  }
}

/// Each slot holds two files while a step runs. Found out at once, and not when the first steps have lost their output.
void SlotPool::make_room_for_descriptors() {
  constexpr rlim_t for_one_slot = 2, for_all_else = 12;
  rlim_t open_now = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++open_now;
  const auto needed = open_now + for_one_slot * around_.rank.slots.size() + for_all_else;
  if (getrlimit(RLIMIT_NOFILE, &descriptors_) != 0 || descriptors_.rlim_cur >= needed) return;
  rlimit raised = descriptors_;
  raised.rlim_cur = needed;
  if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
    throw std::runtime_error(fmt::format("ulimit -n ({}) is too low for {} slots: at least {} are needed",
                                         descriptors_.rlim_cur, around_.rank.slots.size(), needed));
  }
  around_.step_descriptors = &descriptors_;
}

SlotPool::~SlotPool() {
  // The watcher first: it looks at the slots. They end by KILL, for which nobody need watch a clock.
  closing_ = true;
  watch_.wake();
  watcher_.join();
  slots_.clear();
  close(around_.null_fd);
}

void SlotPool::launch(AttemptOrder order) {
  const bool fits = !order.slots.empty() && std::all_of(order.slots.begin(), order.slots.end(),
                                                        [this](std::uint32_t slot) { return slot < slots_.size(); });
  if (fits) return slots_[order.slots.front()]->launch(std::move(order));
  AttemptEnded ended{order.step, order.attempt, around_.rank.rank, {}};
  ended.result.outcome = {OutcomeKind::could_not_start, EINVAL, "the order names a slot that this rank does not have"};
  inbox_.put(std::move(ended));
}

void SlotPool::kill(std::uint32_t step, std::uint32_t attempt, bool at_once) {
  for (auto& slot : slots_) {
    if (slot->kill(step, attempt, at_once)) return;
  }
}

void SlotPool::call_back(std::uint32_t step, std::uint32_t attempt) {
  for (auto& slot : slots_) {
    if (slot->call_back(step, attempt)) return;
  }
}

/// In this order: what a slot puts there quietly, it puts there before it takes the order that waits behind.
bool SlotPool::ends_come_quietly() const { return waiting_.load() > 0 || inbox_.has_some(); }

void SlotPool::kill_all(bool at_once) {
  for (auto& slot : slots_) slot->kill_all(at_once);
}

bool SlotPool::busy() {
  return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->busy(); });
}

/// One thread for all time limits and graces: a slot's own thread then sleeps in waitid, which costs less
/// than watching a descriptor and a clock beside it.
void SlotPool::watch_deadlines() {
  std::vector<AttemptEnded> nothing;
  constexpr double look_at_output_every_s = 1;
  double next_look = monotonic_s() + look_at_output_every_s;
  while (!closing_) {
    watch_.take(nothing);
    const double now = monotonic_s();
    double next = std::numeric_limits<double>::infinity();
    for (auto& slot : slots_) {
      slot->act_on_deadline(now);
      next = std::min(next, slot->deadline());
    }
    if (around_.settings.output_limit > 0) {
      if (now >= next_look) {
        for (auto& slot : slots_) slot->watch_output();
        next_look = now + look_at_output_every_s;
      }
      next = std::min(next, next_look);
    }
    watch_.sleep(next - now);
  }
}

}  // namespace gradus
