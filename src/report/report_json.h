// The report of a run as one JSON object, which the page shows.
//
// Knows: the object's form (src/docs/report.md), and how much of everything it may hold. Unaware of: HTML, files.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "gradus/graph.h"
#include "run/chronicle.h"
#include "run/journal_tail.h"
#include "run/summary.h"

namespace gradus {

/// The end of what an attempt wrote, made fit for a terminal. `life` from 1.
using AttemptTail =
    std::function<std::vector<std::string>(std::uint32_t life, std::uint32_t ordinal, std::uint32_t attempt)>;

struct ReportInput {
  const Chronicle* chronicle = nullptr;
  std::shared_ptr<const Graph> graph;  ///< of the latest life; null: not there
  AttemptTail tail;                    ///< empty: outputs are not told
  std::string run_dir;                 ///< as the user would write it
  std::string kept_steps;              ///< the run's copy of the steps file; empty: there is none
  RunPulse pulse = RunPulse::over;
  double now = 0;       ///< seconds since the Unix epoch
  std::string version;  ///< of the program that writes this
  std::string damage;   ///< where the journal is damaged, in words; empty: nowhere
};

/// What keeps the page small, whatever the run.
struct ReportLimits {
  std::size_t bars = 20000;
  std::size_t details = 2000;
  std::size_t details_bytes = 1200000;
  std::size_t predicted_steps = 300000;
};

std::string report_json(const ReportInput& input, const ReportLimits& limits = {});

/// `2026-11-27T15:00:00+01:00`, in local time.
std::string iso_time(double epoch_s);

}  // namespace gradus
