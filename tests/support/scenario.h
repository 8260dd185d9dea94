// Drives the scheduler alone, by verbs, and tells what it decided in words; and reads, runs and rewrites
// scenario files made of the same verbs and words.
//
// Knows: the scheduler's public face, the referee, the words of a trace.
// Unaware of: clusters, the run loop, and why a decision is right.
//
// A scenario file:
//
//   # what it shows
//   steps
//     a gpus=2 cost=10
//     b after a
//   options on-error=stop crash-limit=3 grace=10 quarantine=3 retry-delay=1 prefetch=5     (may be left out)
//   at 0                                  what follows happens at this second
//   join 0 on n0: 0 1 -/4                 worker, node, slots; `more` before the colon: others follow at once
//     > launch a.1 on 0 slots 0,1 gpus 0,1
//   end a                                 the live attempt; `end a.1 on 0` says which, live or not
//     > a succeeded
//   over: 1 succeeded
//   and nothing else happened
//
// Verbs: join, end, fail, cancelled (an attempt), lose (a worker), stop (drain, finish, cancel, kill), at.
// Lines with `>` and the line `over:` are what must come; GRADUS_REWRITE_SCENARIOS=1 writes them anew.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/scheduler.h"
#include "support/builders.h"
#include "support/referee.h"

namespace gradus::support {

class Rehearsal {
 public:
  Rehearsal(std::shared_ptr<const Graph> graph, SchedulerOptions options);

  /// Takes one verb, as in a scenario file, and returns what was decided, a line each.
  /// Throws std::invalid_argument when the line is none.
  std::vector<std::string> take(const std::string& line);
  /// `finished: 2 succeeded, 1 skipped`, or `not finished: …`.
  std::string outcome() const;
  /// What the referee has to say; empty when nothing.
  std::string complaints() const { return referee_.report(); }
  const Scheduler& scheduler() const { return scheduler_; }

 private:
  std::vector<std::string> apply(const Fact& fact);
  std::vector<std::string> tell(const Decisions& decisions);
  std::string tell(const LaunchAttempt& launch) const;
  std::string tell(const StepSettled& settled) const;
  void act(const Decisions& decisions);
  Fact joined(const std::string& rest);
  Fact ended(const std::string& rest, const Outcome& outcome) const;
  std::string attempt_name(StepIndex step, std::uint32_t attempt) const;
  StepIndex find(const std::string& name) const;

  std::shared_ptr<const Graph> graph_;
  Scheduler scheduler_;
  Referee referee_;
  Machine machine_;
  std::map<WorkerId, WorkerShape> shapes_;
  std::map<StepIndex, LaunchAttempt> live_;
  double now_ = 0;
  std::uint32_t held_ = 0;
};

/// `on-error=stop crash-limit=2 grace=5`.
SchedulerOptions scheduler_options(std::string_view words);

struct ScenarioRun {
  std::string as_it_should_be;  ///< the file
  std::string as_it_was;        ///< the same with the expectations written anew
  std::string complaints;       ///< the referee's
};
/// Runs the scenario in `text`. Throws std::invalid_argument, with the line, on one that cannot be read.
ScenarioRun run_scenario(const std::string& text);

/// Writes what it observes as a scenario file, so that a run found at random can be kept as a test.
class ScenarioWriter final : public Observer {
 public:
  ScenarioWriter(std::string steps, std::string options, std::shared_ptr<const Graph> graph)
      : graph_(std::move(graph)), text_("steps\n" + std::move(steps) + "options " + std::move(options) + "\n") {}
  void on_fact(const Fact& fact, const Decisions& decisions, double now) override;
  void on_time(const Decisions& decisions, double now) override;
  void commit(double /*now*/) override {}
  const std::string& text() const { return text_; }

 private:
  void at(double now);

  std::shared_ptr<const Graph> graph_;
  std::string text_;
  double now_ = 0;
};

}  // namespace gradus::support
