// Everything that a journal tells, in memory: lives, workers, steps, attempts.
//
// Knows: what follows from each record for the counts and for where each step stands.
// Unaware of: the steps file (names and needs of steps that were never started), how anything is shown.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "run/journal_records.h"

namespace gradus {

/// One attempt, small: there can be millions. Times are seconds since the Unix epoch.
struct AttemptRow {
  enum class State : std::uint8_t { running, ended, lost, broken_off /* its life ended without a word of it */ };

  std::uint32_t ordinal = 0;  ///< of its step, from 1, in its life
  std::uint32_t attempt = 0;  ///< from 1, in its life
  std::uint32_t life = 0;     ///< index into lives()
  std::uint32_t worker = 0;
  std::uint32_t slot = 0;  ///< index into the worker's slots: the one that runs it
  State state = State::running;
  OutcomeKind outcome = OutcomeKind::succeeded;  ///< when ended
  bool waits = false;                            ///< sent to the slot before the attempt that ran there had ended
  bool is_wide = false;                          ///< it holds more than that slot: see Chronicle::wide()
  std::int32_t code = 0;
  double launched = 0;            ///< by the master's clock
  double started = 0, ended = 0;  ///< by its node's clock, when ended; a lost one: `ended` is when that was known
  Usage usage;
  std::uint64_t key = 0;  ///< the step's StepKey::key: the same in all lives
  std::uint64_t id = 0;   ///< see Chronicle::name_of()

  bool never_began() const { return state == State::ended && gradus::never_began(outcome, started, ended); }
  double seconds() const { return ended > started && started > 0 ? ended - started : 0; }
  bool failed() const {
    return state == State::ended && outcome != OutcomeKind::succeeded && outcome != OutcomeKind::cancelled;
  }
};

/// What a multi-slot attempt holds beside its first slot.
struct WidePlace {
  std::vector<std::uint32_t> slots;  ///< all indices into its worker's slots
  std::vector<std::uint32_t> with;   ///< other workers, whole
};

struct LifeStory {
  double begin = 0;
  double last = 0;   ///< of its latest record
  std::string name;  ///< stands in the names of its packs (core/log_names.h); empty: not known
  std::string gradus, steps_file, host;
  std::int64_t pid = 0;
  std::vector<std::string> argv;
  std::uint32_t step_count = 0;
  double until = 0;                                           ///< when what runs is ended; 0: no limit
  std::vector<std::pair<std::uint32_t, std::uint32_t>> kept;  ///< first and last ordinal: succeeded before this life
  struct Worker {
    WorkerRecord record;
    double joined = 0;
    std::optional<double> lost;
    std::string why_lost;
  };
  std::map<std::uint32_t, Worker> workers;
  struct Quarantine {
    std::uint32_t worker = 0, slot = 0;  ///< `slot`: its global number
    std::uint32_t failures = 0;
    double t = 0;
    std::vector<std::string> gpus;
  };
  std::vector<Quarantine> quarantines;
  struct Stop {
    std::string kind, why;
    double t = 0;
    std::uint32_t ordinal = 0;  ///< of the step whose failure stopped the run; 0: none did
  };
  std::vector<Stop> stops;
  std::optional<LifeOver> over;   ///< absent: it still goes on, or it was killed
  std::size_t first_attempt = 0;  ///< index into attempts(); this life's go up to the next one's first

  std::uint64_t kept_count() const;
  bool is_kept(std::uint32_t ordinal) const;
};

/// Where a step stands in the latest life.
enum class StepStanding : std::uint8_t {
  untouched,  ///< the latest life's journal has no word of it: it waits, or was kept (see LifeStory::is_kept)
  running,    ///< launched; perhaps it waits at its slot
  again,      ///< an attempt has ended, and another will follow
  succeeded,
  failed,
  skipped
};

class Chronicle : public RecordSink {
 public:
  Chronicle();
  ~Chronicle() override;

  const std::vector<LifeStory>& lives() const { return lives_; }
  /// In the order of their launches.
  const std::vector<AttemptRow>& attempts() const { return attempts_; }
  /// Of an attempt by its index; null unless it is_wide.
  const WidePlace* wide(std::size_t attempt) const;
  /// Why it could not start, which output is missing …; mostly empty.
  std::string_view detail(std::size_t attempt) const;
  /// The explicit id of its step, else the step's ordinal.
  std::string name_of(const AttemptRow& attempt) const;
  /// Before many attempts are taken in.
  void expect_attempts(std::size_t count) { attempts_.reserve(attempts_.size() + count); }

  // Of the latest life:
  /// `running` are those that hold a slot or wait at one; `waiting` those that still have to be started.
  struct Counts {
    std::uint64_t total = 0, succeeded = 0, failed = 0, skipped = 0, running = 0, waiting = 0;
    std::uint64_t kept = 0;  ///< of the succeeded: in an earlier life
  };
  Counts counts() const;
  StepStanding standing(std::uint32_t ordinal) const;
  /// The explicit id of a step that was started, else its ordinal.
  std::string name(std::uint32_t ordinal) const;
  /// Whose failure is the reason that it was skipped; 0: nobody's.
  std::uint32_t skipped_because(std::uint32_t ordinal) const;
  /// The ordinal of a step by its id, else by its ordinal as digits, of what was started in the latest life; 0: none.
  std::uint32_t find(std::string_view name) const;
  /// Indices of the attempts that have been launched and have neither ended nor been lost, by launch.
  std::vector<std::size_t> running() const;
  /// Indices of a step's latest attempt in the latest life; nothing when it was not started there.
  std::optional<std::size_t> latest_attempt(std::uint32_t ordinal) const;
  /// The latest attempt of a step by its id, else by its ordinal, in the latest life in which it was started; nothing
  /// when it never was.
  std::optional<std::size_t> latest_attempt_of(std::string_view name) const;
  /// Of these attempts of a step the latest that began, which has its output; else the latest; nothing of none.
  std::optional<std::size_t> latest_begun(const std::vector<std::size_t>& attempts) const;
  /// Indices of all attempts of the step with that key, in every life.
  std::vector<std::size_t> attempts_of(std::uint64_t key) const;

  using RecordSink::on;
  void on(const LifeBegins& record) override;
  void on(const StepsKept& record) override;
  void on(const WorkerRecord& record) override;
  void on(const LaunchRecord& record) override;
  void on(const EndRecord& record) override;
  void on(const LostRecord& record) override;
  void on(const SettledRecord& record) override;
  void on(const QuarantineRecord& record) override;
  void on(const StopRecord& record) override;
  void on(const GoneRecord& record) override;
  void on(const LifeOver& record) override;

 private:
  struct StepNow;  // where a step stands in the latest life
  class Steps;     // by ordinal, in pages
  StepNow& step(std::uint32_t ordinal);
  const StepNow* known(std::uint32_t ordinal) const;
  void settle(std::uint32_t ordinal, StepState state, std::uint32_t because);
  void see(double t);
  void break_off();
  std::uint64_t remember(std::string_view id);

  std::vector<LifeStory> lives_;
  std::vector<AttemptRow> attempts_;
  std::unordered_map<std::size_t, WidePlace> wide_;
  std::unordered_map<std::size_t, std::string> details_;
  std::unordered_map<std::uint32_t, std::uint32_t> because_;  // latest life, by ordinal
  std::unique_ptr<Steps> steps_;
  std::string ids_;                            // each followed by '\0'; the first is the empty one
  std::map<std::uint32_t, std::size_t> live_;  // by ordinal; indices into attempts_
  std::uint64_t succeeded_ = 0, failed_ = 0, skipped_ = 0;
};

}  // namespace gradus
