// The records of a journal, one after the other, as values.
//
// Knows: how each kind of record is written and checked (the form: gradus/journal.h).
// Unaware of: what follows from a record, where the text comes from.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/outcome.h"
#include "gradus/scheduler.h"

namespace gradus {

/// Views point into the line (or into the reader) and hold until the next record.
struct LifeBegins {
  double t = 0;  ///< this and every `t`: seconds since the Unix epoch
  std::string_view gradus, steps_file, host;
  std::uint32_t step_count = 0;
  std::int64_t pid = 0;
  std::vector<std::string> argv;
  double until = 0;       ///< when what runs is ended; 0: no limit
  std::string_view name;  ///< unlike that of any other life; empty: an older program began it
};
/// Steps that need not run in this life: they succeeded in an earlier one.
struct StepsKept {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;  ///< first and last ordinal
};
struct SlotRecord {
  std::uint32_t slot = 0;  ///< global number
  std::uint32_t thread = 0;
  std::vector<std::string> gpus;  ///< identities
  std::vector<std::uint32_t> cores;
};
struct WorkerRecord {
  std::uint32_t worker = 0, node = 0, local_rank = 0;
  std::string host;
  std::vector<SlotRecord> slots;
};
struct LaunchRecord {
  std::uint32_t ordinal = 0, attempt = 0, worker = 0;
  double t = 0;
  std::vector<std::uint32_t> slots;  ///< indices into the worker's slots; the first runs it
  std::vector<std::uint32_t> with;   ///< other workers that it holds whole
  bool waits = false;
  std::uint64_t key = 0, digest = 0;
  std::string_view id;  ///< empty: the file gave none
};
struct EndRecord {
  std::uint32_t ordinal = 0, attempt = 0, worker = 0;
  double t = 0;
  OutcomeKind outcome = OutcomeKind::succeeded;
  std::int32_t code = 0;
  std::string_view detail;
  double start = 0, stop = 0;
  Usage usage;
  bool is_final = false;
  StepState final_state = StepState::succeeded;  ///< when is_final
};
struct LostRecord {
  std::uint32_t ordinal = 0, attempt = 0, worker = 0;
  double t = 0;
};
struct SettledRecord {
  std::uint32_t ordinal = 0, because = 0;  ///< `because` 0: nobody
  double t = 0;
  StepState state = StepState::succeeded;
};
struct QuarantineRecord {
  std::uint32_t slot = 0, worker = 0, failures = 0;  ///< `slot`: its global number
  double t = 0;
  std::string_view host;
  std::vector<std::string> gpus;
};
struct StopRecord {
  std::string_view kind, why;  ///< `kind`: drain, finish, cancel, kill; error: --on-error stop
  double t = 0;
  std::uint32_t ordinal = 0;  ///< error: of the step that failed first
};
struct GoneRecord {
  std::uint32_t worker = 0;
  double t = 0;
  std::string_view why;
};
struct LifeOver {
  int exit_code = 0;
  double t = 0;
  std::uint64_t succeeded = 0, failed = 0, skipped = 0, waiting = 0;
};

/// Thrown by a sink: the record contradicts what stood before it, and so is damage.
struct RecordRefused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Who takes records in; does nothing with those it does not care for.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void on(const LifeBegins& /*record*/) {}
  virtual void on(const StepsKept& /*record*/) {}
  virtual void on(const WorkerRecord& /*record*/) {}
  virtual void on(const LaunchRecord& /*record*/) {}
  virtual void on(const EndRecord& /*record*/) {}
  virtual void on(const LostRecord& /*record*/) {}
  virtual void on(const SettledRecord& /*record*/) {}
  virtual void on(const QuarantineRecord& /*record*/) {}
  virtual void on(const StopRecord& /*record*/) {}
  virtual void on(const GoneRecord& /*record*/) {}
  virtual void on(const LifeOver& /*record*/) {}
};

/// What is wrong with a journal, in words that name the place.
struct JournalDamage {
  std::uint64_t line = 0, byte = 0;  ///< of the record: line from 1, byte from 0
  std::string what;
};

/// Takes text in as it comes and gives its whole records on.
class JournalRecords {
 public:
  /// `path` is for messages; `sink` must outlive this.
  JournalRecords(std::string path, RecordSink& sink);
  ~JournalRecords();
  JournalRecords(const JournalRecords&) = delete;
  JournalRecords& operator=(const JournalRecords&) = delete;

  /// Reads the whole records at the beginning of `text[0, size)`; bytes behind `size` up to `capacity` may be read
  /// (simdjson's padding). Returns the bytes taken: a last line without its newline is left for the next call.
  /// Stops at the first damaged record, see damage(). Throws std::runtime_error for a journal of another version.
  std::size_t read(const char* text, std::size_t size, std::size_t capacity);
  /// Where read() stopped for good; `what` is empty: nowhere.
  const JournalDamage& damage() const { return damage_; }
  /// In words, with the mend; empty when there is none.
  std::string damage_in_words() const;

 private:
  struct Parser;
  void pass(std::size_t length, std::size_t& at);

  std::string path_;
  RecordSink& sink_;
  std::unique_ptr<Parser> parser_;
  JournalDamage damage_;
  std::uint64_t line_ = 0, byte_ = 0;
};

}  // namespace gradus
