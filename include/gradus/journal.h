// The journal: the append-only record of a run, written before anything is acted upon.
//
// Knows: the form of the records and how they reach the disk.
// Unaware of: scheduling, how the records are used later (see journal_reader.h).
//
// One JSON object a line; the first key tells the kind, the last, `"x"`, is a checksum of what stands before it (see
// run/seal.h; left out below). Times `t` are seconds since the Unix epoch.
//   {"life":2,"t":…,"at":"2026-11-23T18:00:00Z","gradus":"0.1.0","steps":"chain.txt","count":35,"host":"n1","pid":7,
//    "argv":["gradus","run",…],"until":…}         "until": what runs then is ended; absent: there is no limit
//     a life begins; "life" is the journal's version. Ordinals and attempts count within a life
//   {"kept":34,"t":…,"ranges":[1,30,32,35]}
//     steps that succeeded in an earlier life and are not run again in this one: first and last ordinals
//   {"worker":0,"host":"n1","node":0,"local_rank":0,"slots":[{"slot":0,"thread":1,"gpus":["GPU-…"],"cores":[0]}]}
//   {"launch":17,"t":…,"a":1,"worker":0,"slots":[0],"gpus":["0"],"key":"…","digest":"…","id":"align"}
//     step ordinal 17, attempt 1; written before the attempt is started. "slots" count within the worker,
//     "gpus" are positions (CPU-only: none), "id" is there when the file gave one. What the environment
//     holds is in the digest only. "waits":true: it begins when what was sent to that slot before it has ended. A step
//     with `nodes` has "with":[2,3]: the other workers that it takes
//   {"end":17,"t":…,"a":1,"worker":0,"outcome":"exit_code","code":3,"detail":"…","start":…,"stop":…,
//    "user":…,"sys":…,"rss":…,"in":…,"out":…,"gpu_busy":0.34,"gpu_samples":7,"gpu_mem":1234,"gpu_total":81559,
//    "final":"failed"}
//     "user" and "sys" are seconds of CPU time, "rss" the peak memory of its largest process in KiB, "in" and "out" the
//     bytes it moved below the page cache (only when not 0). "gpu_…" only when samples fell into it: mean utilisation
//     of its GPUs (0..1) and how many samples that is of, the most memory that one of them had in use and how much that
//     one has, in MiB. See Usage in gradus/outcome.h for what each is worth. "final" only when the step is settled by
//     it
//   {"lost":17,"t":…,"a":1,"worker":2}                the attempt went with its worker
//   {"stray":17,"t":…,"a":1,"worker":2,"outcome":"…"}  an end that nothing waited for: late, doubled, invented
//   {"quarantined":3,"t":…,"worker":1,"host":"n1","gpus":["GPU-…"],"failures":4}   slot 3 gets nothing more in this
//   life
//   {"settled":18,"t":…,"state":"skipped","because":17}
//   {"stop":"drain","t":…,"why":"signal USR1"}
//   {"gone":2,"t":…,"why":"…"}                        a worker was lost
//   {"over":0,"t":…,"succeeded":…,"failed":…,"skipped":…,"waiting":…}   a life ends with this exit code
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gradus/graph.h"
#include "gradus/placement.h"
#include "gradus/run_loop.h"

namespace gradus {

inline constexpr int journal_version = 2;

/// What is written down about a life of a run before it begins.
struct LifeRecord {
  std::string program_version{};
  std::string steps_file{};
  std::uint64_t step_count = 0;
  std::string host{};
  std::int64_t pid = 0;
  std::vector<std::string> command_line{};  ///< as it was given; empty: not known
  std::vector<bool> kept{};                 ///< by step: it succeeded in an earlier life; empty: none has
  double until = 0;                         ///< when what runs is ended, seconds since the epoch; 0: no limit
  std::string name{};                       ///< RunSettings::life, by which its packs are known; empty: has none
};

/// Writes the journal; one writer a run directory (its lock sees to that). All calls from one thread.
class Journal : public Observer {
 public:
  /// Opens `path` for appending, after cutting it to `size` bytes (a torn tail; see journal_reader.h).
  /// Throws std::system_error with the path. `plan` must outlive this.
  Journal(std::string path, std::uint64_t size, std::shared_ptr<const Graph> graph, const Plan& plan);
  ~Journal() override;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void begin_life(const LifeRecord& life);
  /// Writes the last record and syncs.
  void end_life(int exit_code, const StepCounts& counts);

  void on_fact(const Fact& fact, const Decisions& decisions, double now) override;
  void on_time(const Decisions& decisions, double now) override;
  /// Writes what was collected with one write(2); fdatasync(2) at most every two seconds. Throws
  /// std::system_error; what was written before stays whole, and nothing is written after.
  void commit(double now) override;
  /// When what is written and not yet synced is due, though nothing more may happen for hours.
  double next_wish(double now) const override;
  /// Steps whose success it could not write any more: a later life runs them again.
  std::uint64_t unrecorded_successes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus
