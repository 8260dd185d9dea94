// A run read from its directory, for the subcommands that look at it whole.
//
// Knows: where a run keeps its journal, its copy of the steps file and outputs. Unaware of: what is told of it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gradus/graph.h"
#include "report/report_json.h"
#include "run/journal_tail.h"

namespace gradus::cli {

class LoadedRun {
 public:
  /// Throws std::runtime_error when the journal cannot be read.
  explicit LoadedRun(std::string run_dir);

  const Chronicle& chronicle() const { return journal_->chronicle(); }
  /// Of the latest life; null when the run keeps no copy of its steps file, or it is not of use: why_no_graph() tells.
  const std::shared_ptr<const Graph>& graph() const { return graph_; }
  const std::string& why_no_graph() const { return why_no_graph_; }
  const std::string& directory() const { return run_dir_; }
  std::string damage() const { return journal_->damage(); }
  RunPulse pulse() const { return pulse_; }
  double now() const { return now_; }  ///< when it was read, seconds since the Unix epoch
  /// `now` while the run goes on, see RunTime.
  std::optional<double> goes_on_until() const { return pulse_ == RunPulse::runs ? std::optional(now_) : std::nullopt; }
  /// The last lines of attempts' outputs; refers to this.
  AttemptTail tail() const;

 private:
  std::string run_dir_, why_no_graph_;
  std::unique_ptr<JournalTail> journal_;
  std::shared_ptr<const Graph> graph_;
  RunPulse pulse_ = RunPulse::unknown;
  double now_ = 0;
};

}  // namespace gradus::cli
