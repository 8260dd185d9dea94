// How a run stands, as a person on a login node wants to know it.
//
// Knows: what a chronicle tells at a moment: counts, what runs where, rates, what went wrong.
// Unaware of: terminals, where the journal is, what steps do and need (see run/explanation.h, run/time_left.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "run/chronicle.h"
#include "run/journal_tail.h"

namespace gradus {

class KnownSteps;

/// `h2 slot 3 GPU-…`.
std::string place_in_words(const Chronicle& chronicle, const AttemptRow& attempt);
/// How an attempt ended, in words; with `Chronicle::detail`. `is_broken_off`: its run, which then never tells more of
/// it.
std::string end_in_words(const Chronicle& chronicle, std::size_t attempt, bool is_broken_off = false);
/// `15:03:20` where it is today, else with the date; in the machine's time zone.
std::string time_in_words(double epoch_s, double now);
/// ISO 8601 with the offset from UTC, for programs.
std::string time_iso(double epoch_s);

struct RunStatus {
  std::string run;         ///< its directory, as it was given
  std::string state;       ///< running, finished, stopped, interrupted, broken off, unknown
  std::string state_text;  ///< in words
  std::string steps_file;
  std::uint32_t life = 0;               ///< from 1
  double now = 0, began = 0, last = 0;  ///< of the latest life, seconds since the epoch
  std::optional<int> exit_code;
  std::optional<double> until;  ///< when what runs is ended: the time limit, less what is kept for that
  Chronicle::Counts counts;

  struct Running {
    std::size_t attempt = 0;  ///< index
    std::string step, place;
    double since = 0;
    std::uint32_t number = 1;  ///< of the attempt
    bool waits = false;        ///< at its slot, for the one that runs there
  };
  std::vector<Running> running;  ///< when it was broken off: what ran then

  struct Failed {
    std::size_t attempt = 0;
    std::string step, place, what;
    std::uint32_t number = 1;
    double at = 0;
  };
  std::vector<Failed> failed;  ///< the latest first

  struct Slot {
    std::uint32_t number = 0;
    std::vector<std::string> gpus;
    bool is_busy = false, is_quarantined = false;
  };
  struct Worker {
    std::uint32_t worker = 0, node = 0;
    std::string host;
    std::vector<Slot> slots;
    std::optional<double> lost;
    std::string why_lost;
  };
  std::vector<Worker> workers;
  std::vector<LifeStory::Quarantine> quarantines;
  std::vector<LifeStory::Stop> stops;

  double rate_per_s = 0;         ///< settled steps, over the last ten minutes at most
  std::optional<double> left_s;  ///< see time_left_s()
  std::string damage;            ///< of the journal; empty: none

  /// What runs by the journal then ran when the run was killed: its end is not known.
  bool is_broken_off() const { return state == "broken off"; }
  std::uint64_t slots_there() const;
  std::uint64_t slots_busy() const;
};

/// `steps`: for the time left; null where they are not known.
RunStatus status_of(const std::string& run, const Chronicle& chronicle, RunPulse pulse, double now,
                    const KnownSteps* steps = nullptr);

struct StatusView {
  std::size_t most_running = 20, most_failed = 10, most_nodes = 20;
  bool only_running = false, only_failed = false;
};
/// For a person; what is left out is counted.
std::string text(const RunStatus& status, const StatusView& view);
/// For programs: `{"version":1,…}`, see src/docs/json.md.
std::string json(const RunStatus& status);

}  // namespace gradus
