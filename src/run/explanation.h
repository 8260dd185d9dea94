// Why a step is not running, and what idle slots wait for.
//
// Knows: the rules by which the scheduler holds steps back, as far as the journal and the steps file show them.
// Unaware of: the scheduler's own state (the run may be on another machine, or over), how the words are shown.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradus/graph.h"
#include "run/chronicle.h"
#include "run/readiness.h"
#include "run/status.h"

namespace gradus {

class Explanation {
 public:
  /// All must outlive this. Throws std::invalid_argument where the graph is not that of the latest life: see
  /// is_of_latest_life().
  Explanation(const RunStatus& status, const Chronicle& chronicle, const Graph& graph);

  /// Why it stands where it stands: one sentence an entry, the nearest reason first.
  std::vector<std::string> of_step(StepIndex step) const;
  /// What the run's slots wait for, or that they do not.
  std::vector<std::string> of_run() const;

 private:
  std::vector<std::string> of_waiting(StepIndex step) const;
  std::vector<std::string> of_ready(StepIndex step) const;
  std::vector<std::string> ended_run() const;
  std::string stop_in_words(const LifeStory::Stop& stop) const;
  std::string could_start(std::size_t count, const std::string& on) const;
  bool ended_for_time() const;
  /// It had a time limit, and nothing else has stopped it.
  bool may_be_for_time() const { return status_.until && status_.stops.empty(); }
  std::string whereabouts(StepIndex step) const;
  std::string needs_in_words(StepIndex step) const;
  std::string capacity(StepIndex step) const;
  std::string queue(StepIndex step) const;
  std::string lack_of_time(StepIndex step, double at) const;
  std::vector<std::string> holders_back() const;
  bool is_running_run() const { return status_.state == "running"; }

  const RunStatus& status_;
  const Chronicle& chronicle_;
  const Graph& graph_;
  mutable Readiness readiness_;  // it remembers what it has looked for
};

/// The step of the latest life that a user calls so: its id, else its ordinal as digits; no_step.
StepIndex step_named(const Graph& graph, const Chronicle& chronicle, const std::string& name);

/// All about one step.
class StepStory {
 public:
  /// `graph` may be null: then what the step needs and what it runs is not known. All references must outlive this.
  StepStory(const RunStatus& status, const Chronicle& chronicle, std::shared_ptr<const Graph> graph,
            const std::string& run_dir, const std::string& step);

  bool found() const { return ordinal_ != 0; }
  std::string text() const;
  /// `{"version":1,…}`, see src/docs/json.md.
  std::string json() const;

 private:
  std::string name() const;
  std::string state() const;
  std::vector<std::string> reasons() const;
  std::vector<std::string> tail() const;

  const RunStatus& status_;
  const Chronicle& chronicle_;
  std::shared_ptr<const Graph> graph_;
  std::string run_dir_;
  std::uint32_t ordinal_ = 0;
  std::vector<std::size_t> attempts_;  // in all lives
};

}  // namespace gradus
