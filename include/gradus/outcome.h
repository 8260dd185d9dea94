// How an attempt of a step ended.
//
// Knows: the closed set of endings and how to say each in words.
// Unaware of: processes, files, retries (the scheduler decides what an outcome leads to).
#pragma once

#include <cstdint>
#include <string>

namespace gradus {

/// The closed set of ways an attempt can end (contract: "Outcomes").
enum class OutcomeKind : std::uint8_t {
  succeeded,
  exit_code,         ///< `code` is the exit status, 1..255
  signal,            ///< `code` is the signal that ended it, and nobody of ours sent it
  timed_out,         ///< its own time limit passed; we ended it
  could_not_start,   ///< `code` is an errno, `detail` says which call on which path, and why
  output_missing,    ///< exit status 0, but a path of `creates` was not there; `detail` names it
  lost_with_worker,  ///< the rank that ran it is gone: not the step's own failure
  cancelled          ///< we ended it because the run was stopped: not the step's own failure
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::succeeded;
  std::int32_t code = 0;
  std::string detail;

  bool succeeded() const { return kind == OutcomeKind::succeeded; }
  /// True when the step itself is to blame, so that the attempt counts against its retries.
  bool is_steps_own_failure() const {
    return kind != OutcomeKind::succeeded && kind != OutcomeKind::lost_with_worker && kind != OutcomeKind::cancelled;
  }
  bool operator==(const Outcome&) const = default;
};

/// The word used in the journal and in `--json` output: `succeeded`, `exit_code`, ….
const char* word(OutcomeKind kind);
/// The reverse of `word`; false when the word names no outcome.
bool parse_word(const std::string& text, OutcomeKind& kind);

/// In words for a person: `exit code 3`, `killed by SIGSEGV`, `could not start: …`.
std::string describe(const Outcome& outcome);

/// What an attempt used, from wait4(2).
struct Usage {
  double user_s = 0;              ///< user CPU time, seconds
  double system_s = 0;            ///< system CPU time, seconds
  std::uint64_t max_rss_kib = 0;  ///< peak resident set, KiB
  bool operator==(const Usage&) const = default;
};

/// How one attempt went. Times are seconds since the Unix epoch on the clock of the node that ran it.
struct AttemptResult {
  Outcome outcome;
  double started_at = 0;
  double ended_at = 0;
  Usage usage;
  bool operator==(const AttemptResult&) const = default;
};

}  // namespace gradus
