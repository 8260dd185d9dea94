// One slot: a thread that executes one attempt after the other.
//
// Knows: how to run an attempt from order to outcome, its time limit, and TERM, grace, KILL.
// Unaware of: other slots, who sends orders, what an outcome leads to.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

#include "gradus/attempt.h"
#include "gradus/scheduler.h"
#include "node/child.h"
#include "node/environment.h"
#include "node/gpu_sampler.h"
#include "node/leftovers.h"
#include "node/looked_for.h"
#include "node/step_output.h"

namespace gradus {

/// What all slots of a rank share; must outlive them. Read-only for the slots.
struct SlotSurroundings {
  PlannedRank rank;
  RunSettings settings;
  const StepEnvironment* environment = nullptr;
  Leftovers* leftovers = nullptr;
  OutputPack* pack = nullptr;
  std::atomic<int>* running = nullptr;       ///< how many slots have a child
  std::string lineage;                       ///< of the rank, see node/leftovers.h
  const rlimit* step_descriptors = nullptr;  ///< RLIMIT_NOFILE for steps, where ours was raised
  int null_fd = -1;                          ///< /dev/null, open for reading and writing
  std::atomic<int>* waiting = nullptr;       ///< how many orders wait behind others
  GpuSampler* sampler = nullptr;             ///< null: the GPUs are not looked at
  LookedFor* looked_for = nullptr;           ///< outputs of prerequisites
  /// Called on the slot's thread, and on that of call_back(). `later`: nothing hangs on its being told soon.
  std::function<void(AttemptEnded, bool later)> ended;
  std::function<void()> deadline_changed;  ///< a deadline came that is earlier than the ones before
};

class Slot {
 public:
  /// `index`: among the rank's slots.
  Slot(const SlotSurroundings& around, std::uint32_t index, std::atomic<pid_t>* group_cell);
  /// Ends what still runs by KILL, then joins the thread.
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  /// Queues an order behind those not yet run. Any thread.
  void launch(AttemptOrder order);
  /// TERM now and KILL after the grace, or KILL at once. False when that attempt is not here. Any thread.
  bool kill(std::uint32_t step, std::uint32_t attempt, bool at_once);
  /// An order that still waits is dropped and ends at once. False when it has begun or is not here. Any thread.
  bool call_back(std::uint32_t step, std::uint32_t attempt);
  void kill_all(bool at_once);
  bool busy();

  /// The next moment (now_s() clock) at which act_on_deadline() has something to do. Any thread.
  double deadline();
  void act_on_deadline(double now);
  /// Looks whether a step has written more than it may. Any thread; every second or so.
  void watch_output();

 private:
  static constexpr double never = std::numeric_limits<double>::infinity();
  enum class EndReason { none, cancelled, timed_out };
  struct Waiting {
    AttemptOrder order;
    bool cancelled = false;
    bool waits = false;  // behind another: counted in SlotSurroundings::waiting
  };

  void run();
  AttemptResult execute(const AttemptOrder& order);
  Outcome execute_prepared(const AttemptOrder& order, const PreparedCommand& command, Usage& usage);
  void await_outputs_of_prerequisites(const AttemptOrder& order);
  void bind_to_cores(const AttemptOrder& order);
  pid_t start(const AttemptOrder& order, const PreparedCommand& command, StartFailure& failure);
  int wait_for_end(pid_t pid, Usage& usage);
  bool end_leftovers(const AttemptOrder& order);
  Outcome outcome_of(int status, const AttemptOrder& order, const PreparedCommand& command);
  void end_now(EndReason reason, bool at_once);
  bool asked_to_end();

  const SlotSurroundings& around_;
  std::atomic<pid_t>* group_cell_;
  ChildStack stack_;
  SlotOutput files_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::deque<Waiting> queue_;
  bool closing_ = false;
  bool busy_ = false;
  std::uint32_t step_ = 0;
  std::uint32_t attempt_ = 0;
  pid_t group_ = 0;               // 0: no child now
  SlotOutput* output_ = nullptr;  // there while a step writes to it
  EndReason reason_ = EndReason::none;
  double time_limit_at_ = never;
  double kill_at_ = never;

  std::thread thread_;  // last: starts when all else is there
};

}  // namespace gradus
