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

/// How the GPUs of an attempt were used while it ran, from samples every few seconds. The figures are those of the
/// GPUs, whoever used them: where slots share a GPU, each of their attempts has what all of them together did to it.
struct GpuUse {
  std::uint32_t samples = 0;     ///< how many told the utilisation while it ran; 0: `busy` is not known
  float busy = 0;                ///< mean utilisation over samples and GPUs, 0..1
  std::uint32_t memory_mib = 0;  ///< the most that any one of its GPUs had in use, MiB; 0: not known
  std::uint32_t total_mib = 0;   ///< the memory of that GPU, MiB; 0: not known
  bool operator==(const GpuUse&) const = default;
};

/// What an attempt used. All but `gpu` is from wait4(2): its first process and all descendants that were waited for by
/// their parents. What it left behind, or put into sessions of its own, is not in it.
struct Usage {
  double user_s = 0;    ///< user CPU time, seconds
  double system_s = 0;  ///< system CPU time, seconds
  /// Peak resident set of the largest of its processes, KiB (not of all together). Never less than what gradus itself
  /// had when it started the attempt: the kernel counts the moment before execve(2) in.
  std::uint64_t max_rss_kib = 0;
  /// Bytes that were moved between it and file systems below the page cache: what was read from the cache is not in it,
  /// what was written is counted when it is put into the cache. Some file systems over a network do not tell.
  std::uint64_t in_bytes = 0, out_bytes = 0;
  GpuUse gpu;
  bool operator==(const Usage&) const = default;
};

/// The end of what was told to end before it began.
inline Outcome cancelled_before_start() { return {OutcomeKind::cancelled, 0, "before it started"}; }
/// It was called back while it waited at a slot, or taken back before it was sent to one: as if it had never been
/// launched. Times in seconds.
inline bool never_began(OutcomeKind outcome, double started_at, double ended_at) {
  return outcome == OutcomeKind::cancelled && ended_at <= started_at;
}

/// How one attempt went. Times are seconds since the Unix epoch on the clock of the node that ran it.
struct AttemptResult {
  Outcome outcome;
  double started_at = 0;
  double ended_at = 0;
  Usage usage;
  bool operator==(const AttemptResult&) const = default;
};

}  // namespace gradus
