// A run as all parts of its report see it.
//
// Knows: what belongs together: the journal, the steps file, the time axis, lanes, attempts by step.
// Unaware of: what is told of it.
#pragma once

#include <optional>
#include <string>

#include "gradus/graph.h"
#include "report/lanes.h"
#include "report/run_time.h"
#include "report/spans.h"
#include "report/step_table.h"
#include "run/chronicle.h"

namespace gradus {

/// Refers to itself: neither copied nor moved. `chronicle` and `graph` must outlive it.
struct RunStory {
  /// `graph` of the latest life, or null; `now` as for RunTime; `was_broken_off`: it will never tell more.
  RunStory(const Chronicle& all, const Graph* of_graph, std::optional<double> now = {}, bool was_broken_off = false)
      : chronicle(all),
        graph(of_graph),
        is_broken_off(was_broken_off),
        time(all, now),
        lanes(all, time),
        spans(all, lanes, time),
        steps(all, of_graph) {}
  RunStory(const RunStory&) = delete;
  RunStory& operator=(const RunStory&) = delete;

  const Chronicle& chronicle;
  const Graph* graph;
  bool is_broken_off;
  RunTime time;
  Lanes lanes;
  Spans spans;
  StepTable steps;

  const AttemptRow& row(std::size_t attempt) const { return chronicle.attempts()[attempt]; }
  std::size_t attempts() const { return chronicle.attempts().size(); }
  /// See shown_outcome(), cause_in_words() and attempt_in_words().
  std::uint8_t outcome_of(std::size_t attempt) const { return shown_outcome(row(attempt), is_broken_off); }
  std::string cause_of(std::size_t attempt) const { return cause_in_words(chronicle, attempt, is_broken_off); }
  std::string end_of(std::size_t attempt) const { return attempt_in_words(chronicle, attempt, is_broken_off); }
  std::string name_of(std::size_t attempt) const { return steps.name(steps.of_attempt(attempt)); }
  std::string place_of(std::size_t attempt) const { return lanes.place(spans.of(attempt).lane); }
  /// Its words with blanks between; empty when the steps file is not there.
  std::string command(std::uint32_t step) const;
};

}  // namespace gradus
