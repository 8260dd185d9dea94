// The scheduler: facts in, decisions out.
//
// Knows: the graph, every step's state, every slot's occupant, and all rules of order, retry,
//        reservation and stopping. One public mutator (apply); one private function makes every
//        state transition.
// Unaware of: clocks (time is an argument), threads, files, processes, MPI, environment variables.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gradus/durations.h"
#include "gradus/graph.h"
#include "gradus/outcome.h"

namespace gradus {

/// A worker is known by its MPI rank (0 when alone).
using WorkerId = std::uint32_t;

/// GPUs and cores are numbered densely per node; equal numbers on one node are the same device. A slot has each once.
struct SlotShape {
  std::vector<std::uint32_t> gpus;
  std::vector<std::uint32_t> cores;
};

struct WorkerShape {
  std::uint32_t node = 0;
  std::vector<SlotShape> slots;
};

// ---- facts: what happened -------------------------------------------------------------------

struct WorkerJoined {
  WorkerId worker = 0;
  WorkerShape shape;
  bool more_follow =
      false;  ///< more workers join right after this one: launch nothing yet, so that few steps spread over all
};
struct AttemptEnded {
  StepIndex step = 0;
  std::uint32_t attempt = 0;
  WorkerId worker = 0;
  AttemptResult result;
};
struct WorkerLost {
  WorkerId worker = 0;
  std::string why;
};
/// How a run is asked to stop; each is stronger than the one before.
enum class StopKind : std::uint8_t {
  none,
  drain,   ///< start nothing new, let running steps end in their own time
  finish,  ///< start nothing new, let running steps end within the grace, then cancel them
  cancel,  ///< end running steps now (TERM, grace, KILL)
  kill     ///< end running steps by KILL
};
struct StopRequested {
  StopKind kind = StopKind::drain;
  std::string why;  ///< `signal USR1`, `time limit`, …
  int signal = 0;   ///< the signal it came from; 0: none
};
/// Somebody may be about to stop the run, or to go on with it: nothing new is started for a while. When no stop comes
/// all goes on as before.
struct HoldRequested {
  double seconds = 0;
};
using Fact = std::variant<WorkerJoined, AttemptEnded, WorkerLost, StopRequested, HoldRequested>;

// ---- decisions: what to do, and what was settled --------------------------------------------

struct LaunchAttempt {
  StepIndex step = 0;
  std::uint32_t attempt = 0;
  WorkerId worker = 0;
  std::vector<std::uint32_t> slots;  ///< indices into the worker's slots, ascending; the first runs it
  /// (slot index, index into that slot's gpus), lowest entries first. Empty for a CPU-only step.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gpus;
  /// A step with `nodes`: the other workers of its nodes, which it holds whole, ascending by node.
  std::vector<WorkerId> with = {};
  /// It is to wait on that slot until the attempt that runs there, and those sent there before it, have ended.
  bool waits = false;
  /// Earlier attempts that were called back before they began: the step knows nothing of these.
  std::uint32_t called_back = 0;
};
struct KillAttempt {
  StepIndex step = 0;
  std::uint32_t attempt = 0;
  WorkerId worker = 0;
  bool at_once = false;    ///< KILL without TERM and grace
  bool call_back = false;  ///< only if it has not begun; its end is then `cancelled`, at once
};
enum class StepState : std::uint8_t { waiting, ready, running, succeeded, failed, skipped };
const char* word(StepState state);
/// An attempt that went down with its worker.
struct AttemptLost {
  StepIndex step = 0;
  std::uint32_t attempt = 0;
  WorkerId worker = 0;
};
/// A step reached its end: succeeded, failed or skipped.
struct StepSettled {
  StepIndex step = 0;
  StepState state = StepState::succeeded;
  StepIndex because_of = no_step;  ///< skipped: the step whose failure is the reason
};
/// A slot is given nothing more: steps failed there one after the other that succeed elsewhere.
struct SlotQuarantined {
  WorkerId worker = 0;
  std::uint32_t slot = 0;      ///< index into the worker's slots
  std::uint32_t failures = 0;  ///< one after the other
};
struct Decisions {
  std::vector<KillAttempt> kills;
  std::vector<AttemptLost> lost;
  std::vector<StepSettled> settled;
  std::vector<SlotQuarantined> quarantined;
  std::vector<LaunchAttempt> launches;
  /// OnError::stop has come into force just now: that step's failure is the first.
  StepIndex stopped_by = no_step;
  void clear() {
    stopped_by = no_step;
    kills.clear();
    lost.clear();
    settled.clear();
    quarantined.clear();
    launches.clear();
  }
};

enum class OnError : std::uint8_t { keep_going, stop };

struct SchedulerOptions {
  OnError on_error = OnError::keep_going;
  std::uint32_t crash_limit = 3;       ///< a step lost with its worker this often has failed
  std::uint32_t quarantine_after = 0;  ///< failures one after the other that make a slot suspect; 0: never
  /// Seconds before a failed step's first retry, twice as many before each further one, at most 60 (or this).
  double retry_delay_s = 0;
  /// How many seconds of short steps, by what was observed of their shapes, may wait at a slot behind the one that runs
  /// there; 0: none.
  double prefetch_s = 0;
  double grace_s = 10;                 ///< StopKind::finish: how long running steps may go on
  std::vector<bool> succeeded_before;  ///< per step, from an earlier life; empty: none
  bool learn_durations = true;         ///< by shape of command, for reservations and limits
  DurationModel durations_before{};    ///< what earlier lives have seen
  /// On apply()'s clock. A step is started only if it can be expected to end before this moment.
  double start_nothing_after = std::numeric_limits<double>::infinity();
  /// On apply()'s clock. What still runs then is cancelled (no retry is spent on it).
  double end_running_at = std::numeric_limits<double>::infinity();
};

struct StepCounts {
  std::uint64_t waiting = 0, ready = 0, running = 0, succeeded = 0, failed = 0, skipped = 0;
  std::uint64_t total() const { return waiting + ready + running + succeeded + failed + skipped; }
};

class Scheduler {
 public:
  Scheduler(std::shared_ptr<const Graph> graph, SchedulerOptions options);
  ~Scheduler();
  Scheduler(Scheduler&&) noexcept;

  /// The one mutator: takes in a fact and appends what follows from it. `now` is seconds on any clock
  /// that does not go back.
  void apply(const Fact& fact, double now, Decisions& decisions);
  /// What follows from time alone (the end of a grace). Call it when next_deadline() has come.
  void advance(double now, Decisions& decisions);
  /// The next moment at which advance() would do something; infinity when there is none.
  double next_deadline() const;

  /// Nothing runs and nothing will: all settled, or stopped, or no worker is left.
  bool finished() const;
  const StepCounts& counts() const;
  StepState state(StepIndex step) const;
  std::uint32_t attempts(StepIndex step) const;
  StopKind stop_kind() const;
  /// True when OnError::stop has come into force: nothing new starts.
  bool stopped_on_error() const;
  /// True when steps are left because of the time limit.
  bool stopped_for_time() const;
  /// Of the running ones: those that wait on a slot behind another.
  std::uint64_t waiting_at_slots() const;
  /// GPU slots held by a multi-slot step or kept free for one.
  std::uint32_t held_slots() const;

  /// Recomputes every redundant fact and compares; empty when all agree, else what differs.
  /// For tests and the simulator: costs time proportional to steps and slots.
  std::string sanity_check() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Steps that no worker of these could ever hold, with the reason; if the node of several ranks could,
/// the message says so (fewer ranks, more threads).
Diagnostics check_capacity(const Graph& graph, const std::vector<std::pair<WorkerId, WorkerShape>>& workers);
/// Adds a note for each number of GPUs that steps ask for and that slots only have together with others: those idle.
void note_spare_gpus(const Graph& graph, const std::vector<std::pair<WorkerId, WorkerShape>>& workers,
                     std::vector<std::string>& notes);

}  // namespace gradus
