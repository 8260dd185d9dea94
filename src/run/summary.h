// What a run came to: collected while it runs, told at its end.
//
// Knows: counts, the slowest and the failed steps, how busy slots were. Its memory does not grow with
//        the number of steps.
// Unaware of: where logs are (the caller gives a function that reads their ends), terminals.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gradus/graph.h"
#include "gradus/placement.h"
#include "gradus/run_loop.h"
#include "run/gpu_advice.h"
#include "run/slot_use.h"

namespace gradus {

/// The last lines of an attempt's output, or empty.
using OutputTail = std::function<std::vector<std::string>(StepIndex step, std::uint32_t attempt)>;

class Summary : public Observer {
 public:
  /// `plan` must outlive this.
  Summary(std::shared_ptr<const Graph> graph, const Plan& plan) : graph_(std::move(graph)), plan_(plan), use_(plan) {}

  void on_fact(const Fact& fact, const Decisions& decisions, double now) override;
  void on_time(const Decisions& decisions, double now) override;
  void commit(double /*now*/) override {}

  /// Everything the end needs to know beside what was observed.
  struct End {
    StepCounts counts;
    std::size_t succeeded_before = 0;
    int exit_code = 0;
    std::string run_dir;
    std::string trouble;                   ///< what the machine refused; empty: nothing
    std::vector<std::string> notes{};      ///< what else is worth a line
    SlotLayout layout{};                   ///< for the advice on GPUs
    std::uint64_t master_max_rss_kib = 0;  ///< the master's own peak memory, KiB
    bool running = false;                  ///< it is not the end yet
  };
  /// For a person: what one would paste into a mail.
  std::string text(const End& end, const OutputTail& tail) const;
  /// All in one line, the last of a batch log. `run`: the run directory as the user would type it.
  std::string last_line(const End& end, const std::string& run) const;
  /// For programs: `{"version":1,"state":"finished",…}`; src/docs/json.md has the keys.
  std::string json(const End& end, const OutputTail& tail) const;

  std::uint64_t succeeded_in_this_life() const { return succeeded_; }
  /// True when there were workers and all are lost: RunEnd wants to know.
  bool no_worker_left() const { return use_.no_worker_left(); }
  bool lost_a_rank() const { return !lost_ranks_.empty(); }
  /// The signal that asked the run to stop, 0 if none did; and why in words.
  int stop_signal() const { return stop_signal_; }
  const std::string& stop_reason() const { return stop_reason_; }

 private:
  struct Place {
    WorkerId worker = 0;
    std::uint32_t slot = 0;  ///< within the worker
    bool is_retry = false;
  };
  struct Attempt {
    StepIndex step = 0;
    std::uint32_t attempt = 0;
    WorkerId worker = 0;
    double seconds = 0;
    Outcome outcome;
    std::vector<Place> before{};  ///< where its earlier attempts failed
  };
  static constexpr std::size_t outcome_kinds = static_cast<std::size_t>(OutcomeKind::cancelled) + 1;

  void see_time(double now);
  void take(const Decisions& decisions, const Attempt* ended, double now);
  void take_failed(StepIndex step, const Decisions& decisions, const Attempt* ended);
  void note_slow(const Attempt& attempt);
  double wall_s() const { return first_ < 0 ? 0 : last_ - first_; }
  std::string first_line(const End& end) const;
  std::string failures_in_short(const End& end) const;
  std::string counts_lines(const End& end) const;
  std::string slot_name(WorkerId worker, std::uint32_t slot) const;
  std::string places(const Attempt& attempt) const;
  std::string use_lines() const;
  std::string gpu_use_line(const SlotLayout& layout) const;
  std::string step_lines(const End& end, const OutputTail& tail) const;
  std::string where(const Attempt& attempt) const;
  std::string host(WorkerId worker) const;
  std::string command(StepIndex step) const;

  std::shared_ptr<const Graph> graph_;
  const Plan& plan_;
  SlotUse use_;
  GpuUseOfRun gpu_use_;
  double first_ = -1, last_ = 0;
  std::uint64_t succeeded_ = 0;
  std::vector<WorkerLost> lost_ranks_;
  std::vector<SlotQuarantined> quarantined_;
  std::uint64_t attempts_ = 0, retries_ = 0, lost_ = 0;
  std::array<std::uint64_t, outcome_kinds> failed_by_{};         // steps that failed, by their last outcome
  std::vector<Attempt> slowest_;                                 // at most five, longest first
  std::unordered_map<StepIndex, Place> running_;                 // its memory: that of what runs now
  std::unordered_map<StepIndex, std::vector<Place>> failed_at_;  // … and of what will be tried again
  std::uint64_t remarks_ = 0;                                    // attempts that succeeded, but
  std::string first_remark_;
  std::vector<Attempt> failed_;       // at most most_listed
  std::vector<StepSettled> skipped_;  // at most most_listed
  int stop_signal_ = 0;
  std::string stop_reason_;
};

/// `summary.json` while a run is under way, so that a killed run is not taken for a finished one.
std::string summary_of_a_running_run();
/// … when it could not even begin, …
std::string summary_of_a_run_that_broke_off(const std::string& trouble);
/// … and after its master was killed, in at most 250 bytes: written by the guardian.
std::string summary_of_a_killed_run();
/// … which had lost that rank before; no longer than that either.
std::string summary_of_a_killed_run(WorkerId lost);

/// `2m 40s`, `1h 05m`, `12.3s`.
std::string duration_text(double seconds);

/// How the run of this life ended, for the exit code.
struct RunEnd {
  StepCounts counts;
  std::uint64_t succeeded_in_this_life = 0;
  StopKind stop = StopKind::none;
  int stop_signal = 0;
  bool stopped_for_time = false;
  bool machine_refused = false;
  bool lost_a_rank = false;     ///< and so steps may be left
  bool no_worker_left = false;  ///< see Summary::no_worker_left()
};
/// The exit codes of the contract, section 6: 0, 1, 3, 75, 130. (2 is for bad input: nothing was started.)
int exit_code(const RunEnd& end);

}  // namespace gradus
