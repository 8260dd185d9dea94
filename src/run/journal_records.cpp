#include "run/journal_records.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <stdexcept>

#include "gradus/journal.h"
#include "run/record_scan.h"
#include "run/seal.h"

namespace gradus {
namespace {

namespace od = simdjson::ondemand;

[[noreturn]] void damaged(simdjson::error_code what) { throw simdjson::simdjson_error(what); }

std::uint32_t small(std::uint64_t number) {
  if (number > 0xffffffffU) damaged(simdjson::NUMBER_OUT_OF_RANGE);
  return static_cast<std::uint32_t>(number);
}

std::uint64_t hexadecimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) damaged(simdjson::NUMBER_ERROR);
  return number;
}

void read_numbers(od::array array, std::vector<std::uint32_t>& numbers) {
  for (auto one : array) numbers.push_back(small(one.get_uint64()));
}

void read_texts(od::array array, std::vector<std::string>& texts) {
  for (auto one : array) texts.emplace_back(std::string_view(one.get_string()));
}

OutcomeKind outcome_of(std::string_view text) {
  if (text == "succeeded") return OutcomeKind::succeeded;
  OutcomeKind kind{};
  if (!parse_word(std::string(text), kind)) damaged(simdjson::INCORRECT_TYPE);
  return kind;
}

StepState state_of(std::string_view text) {
  for (const auto state : {StepState::succeeded, StepState::failed, StepState::skipped}) {
    if (text == word(state)) return state;
  }
  damaged(simdjson::INCORRECT_TYPE);
}

/// A step that a record names: there are no others in this life.
std::uint32_t ordinal_of(od::value value, std::uint32_t step_count) {
  const std::uint64_t ordinal = value.get_uint64();
  if (ordinal == 0 || ordinal > step_count) damaged(simdjson::INDEX_OUT_OF_BOUNDS);
  return static_cast<std::uint32_t>(ordinal);
}

void check_rest(od::object& record) {
  const std::string_view whole = record.raw_json();
  if (!whole.ends_with("}")) damaged(simdjson::TAPE_ERROR);
}

SlotRecord slot_of(od::object object) {
  SlotRecord slot;
  for (auto field : object) {
    const std::string_view key = field.unescaped_key();
    if (key == "slot") slot.slot = small(field.value().get_uint64());
    if (key == "thread") slot.thread = small(field.value().get_uint64());
    if (key == "gpus") read_texts(field.value().get_array(), slot.gpus);
    if (key == "cores") read_numbers(field.value().get_array(), slot.cores);
  }
  return slot;
}

}  // namespace

/// What a record must have is asked for in the order in which the journal writes it; of the frequent kinds each key is
/// looked at once.
struct JournalRecords::Parser {
  enum class Kind { launch, end, settled, life };

  od::parser json;
  std::uint32_t lives = 0;
  std::uint32_t step_count = 0;  // said by the file, so nothing is allocated for it
  LaunchRecord launch;           // kept, so that its vectors are
  EndRecord end;
  SettledRecord settled;
  LifeBegins life;
  unsigned seen = 0;  // of the keys that must be there

  /// False when it is none of the two frequent kinds in their usual form.
  bool read_usual(std::string_view line, RecordSink& sink) {
    if (lives == 0) return false;
    const auto is_step = [&](std::uint32_t ordinal) { return ordinal > 0 && ordinal <= step_count; };
    if (scan_launch(line, launch) && is_step(launch.ordinal)) return sink.on(launch), true;
    if (scan_end(line, end) && is_step(end.ordinal)) return sink.on(end), true;
    return false;
  }

  void read(od::object record, const std::string& path, RecordSink& sink) {
    Kind kind{};
    bool is_first = true;
    for (auto field : record) {
      const std::string_view key = field.unescaped_key();
      od::value value = field.value();
      if (!is_first) {
        take(kind, key, value);
        continue;
      }
      is_first = false;
      if (lives == 0 && key != "life") damaged(simdjson::INCORRECT_TYPE);
      if (!begin(key, value, path, kind)) return other(key, value, record, sink);
    }
    if (is_first) damaged(simdjson::INCORRECT_TYPE);
    give(kind, sink);
  }

  /// False when it is of none of the frequent kinds.
  bool begin(std::string_view key, od::value& value, const std::string& path, Kind& kind) {
    seen = 0;
    if (key == "launch") {
      kind = Kind::launch;
      launch.slots.clear();
      launch.with.clear();
      launch = {ordinal_of(value, step_count), 0,     0, 0, std::move(launch.slots),
                std::move(launch.with),        false, 0, 0, {}};
    } else if (key == "end") {
      kind = Kind::end;
      end = {};
      end.ordinal = ordinal_of(value, step_count);
    } else if (key == "settled") {
      kind = Kind::settled;
      settled = {};
      settled.ordinal = ordinal_of(value, step_count);
    } else if (key == "life") {
      kind = Kind::life;
      begin_life(value, path);
    } else {
      return false;
    }
    return true;
  }

  void begin_life(od::value& value, const std::string& path) {
    const std::int64_t version = value.get_int64();
    if (version != journal_version) {
      throw std::runtime_error(
          fmt::format("{} was written by another version of Gradus (journal version {}, this one "
                      "reads {}): use that version, or --restart",
                      path, version, journal_version));
    }
    life = {};
  }

  void take(Kind kind, std::string_view key, od::value& value) {
    switch (kind) {
      case Kind::launch: return take_launch(key, value);
      case Kind::end: return take_end(key, value);
      case Kind::settled: return take_settled(key, value);
      case Kind::life: return take_life(key, value);
    }
  }

  void take_launch(std::string_view key, od::value& value) {
    if (key == "t") launch.t = value.get_double();
    if (key == "a") launch.attempt = small(value.get_uint64()), seen |= 1U;
    if (key == "worker") launch.worker = small(value.get_uint64());
    if (key == "slots") read_numbers(value.get_array(), launch.slots);
    if (key == "waits") launch.waits = value.get_bool();
    if (key == "with") read_numbers(value.get_array(), launch.with);
    if (key == "key") launch.key = hexadecimal(value.get_string()), seen |= 2U;
    if (key == "digest") launch.digest = hexadecimal(value.get_string()), seen |= 4U;
    if (key == "id") launch.id = value.get_string();
  }

  void take_end(std::string_view key, od::value& value) {
    if (key == "t") end.t = value.get_double();
    if (key == "a") end.attempt = small(value.get_uint64()), seen |= 1U;
    if (key == "worker") end.worker = small(value.get_uint64());
    if (key == "outcome") end.outcome = outcome_of(value.get_string()), seen |= 2U;
    if (key == "code") end.code = static_cast<std::int32_t>(std::int64_t(value.get_int64()));
    if (key == "detail") end.detail = value.get_string();
    if (key == "start") end.start = value.get_double(), seen |= 4U;
    if (key == "stop") end.stop = value.get_double(), seen |= 8U;
    if (key == "user") end.usage.user_s = value.get_double();
    if (key == "sys") end.usage.system_s = value.get_double();
    if (key == "rss") end.usage.max_rss_kib = value.get_uint64();
    if (key == "in") end.usage.in_bytes = value.get_uint64();
    if (key == "out") end.usage.out_bytes = value.get_uint64();
    if (key.starts_with("gpu_")) take_gpu_use(key, value);
    if (key == "final") end.is_final = true, end.final_state = state_of(value.get_string());
  }

  void take_gpu_use(std::string_view key, od::value& value) {
    auto& gpu = end.usage.gpu;
    if (key == "gpu_busy") gpu.busy = static_cast<float>(value.get_double().value());
    if (key == "gpu_samples") gpu.samples = small(value.get_uint64());
    if (key == "gpu_mem") gpu.memory_mib = small(value.get_uint64());
    if (key == "gpu_total") gpu.total_mib = small(value.get_uint64());
  }

  void take_settled(std::string_view key, od::value& value) {
    if (key == "t") settled.t = value.get_double();
    if (key == "state") settled.state = state_of(value.get_string()), seen |= 1U;
    if (key == "because") settled.because = ordinal_of(value, step_count);
  }

  void take_life(std::string_view key, od::value& value) {
    if (key == "t") life.t = value.get_double();
    if (key == "gradus") life.gradus = value.get_string();
    if (key == "steps") life.steps_file = value.get_string();
    if (key == "count") life.step_count = small(value.get_uint64()), seen |= 1U;
    if (key == "host") life.host = value.get_string();
    if (key == "pid") life.pid = value.get_int64();
    if (key == "argv") read_texts(value.get_array(), life.argv);
    if (key == "until") life.until = value.get_double();
    if (key == "name") life.name = value.get_string();
  }

  void give(Kind kind, RecordSink& sink) {
    constexpr unsigned wanted[] = {7, 15, 1, 1};
    if (seen != wanted[static_cast<int>(kind)]) damaged(simdjson::NO_SUCH_FIELD);
    switch (kind) {
      case Kind::launch: return sink.on(launch);
      case Kind::end: return sink.on(end);
      case Kind::settled: return sink.on(settled);
      case Kind::life:
        ++lives;
        step_count = life.step_count;
        return sink.on(life);
    }
  }

  void other(std::string_view kind, od::value& value, od::object& record, RecordSink& sink) {
    if (kind == "lost") return lost(value, record, sink);
    if (kind == "worker") return worker(value, record, sink);
    if (kind == "kept") return kept(value, record, sink);
    if (kind == "quarantined") return quarantined(value, record, sink);
    if (kind == "stop") return stopped(value, record, sink);
    if (kind == "gone") return gone(value, record, sink);
    if (kind == "over") return over(value, record, sink);
    check_rest(record);  // "stray", and what newer ones may add
  }

  void kept(od::value& value, od::object& record, RecordSink& sink) {
    StepsKept kept;
    std::vector<std::uint32_t> numbers;
    const std::uint64_t count = value.get_uint64();
    read_numbers(record.find_field("ranges").get_array(), numbers);
    std::uint64_t sum = 0;
    std::uint32_t before = 0;
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
      const auto first = numbers[i], last = numbers[i + 1];
      if (first <= before || last < first || last > step_count) damaged(simdjson::INDEX_OUT_OF_BOUNDS);
      kept.ranges.emplace_back(first, last);
      sum += last - first + 1;
      before = last;
    }
    if (sum != count || numbers.size() % 2 != 0) damaged(simdjson::INDEX_OUT_OF_BOUNDS);
    sink.on(kept);
  }

  void worker(od::value& value, od::object& record, RecordSink& sink) {
    WorkerRecord worker;
    worker.worker = small(value.get_uint64());
    worker.host = std::string_view(record.find_field("host").get_string());
    worker.node = small(record.find_field("node").get_uint64());
    worker.local_rank = small(record.find_field("local_rank").get_uint64());
    for (auto slot : record.find_field("slots").get_array()) worker.slots.push_back(slot_of(slot.get_object()));
    sink.on(worker);
  }

  void lost(od::value& value, od::object& record, RecordSink& sink) {
    LostRecord lost;
    lost.ordinal = ordinal_of(value, step_count);
    lost.t = record.find_field("t").get_double();
    lost.attempt = small(record.find_field("a").get_uint64());
    lost.worker = small(record.find_field("worker").get_uint64());
    sink.on(lost);
  }

  void quarantined(od::value& value, od::object& record, RecordSink& sink) {
    QuarantineRecord bad;
    bad.slot = small(value.get_uint64());
    bad.t = record.find_field("t").get_double();
    bad.worker = small(record.find_field("worker").get_uint64());
    bad.host = record.find_field("host").get_string();
    read_texts(record.find_field("gpus").get_array(), bad.gpus);
    bad.failures = small(record.find_field("failures").get_uint64());
    sink.on(bad);
  }

  void stopped(od::value& value, od::object& record, RecordSink& sink) {
    StopRecord stop;
    stop.kind = value.get_string();
    stop.t = record.find_field("t").get_double();
    stop.why = record.find_field("why").get_string();
    if (stop.kind == "error") stop.ordinal = ordinal_of(record.find_field("step").value(), step_count);
    sink.on(stop);
  }

  void gone(od::value& value, od::object& record, RecordSink& sink) {
    GoneRecord gone;
    gone.worker = small(value.get_uint64());
    gone.t = record.find_field("t").get_double();
    gone.why = record.find_field("why").get_string();
    sink.on(gone);
  }

  void over(od::value& value, od::object& record, RecordSink& sink) {
    LifeOver over;
    over.exit_code = static_cast<int>(std::int64_t(value.get_int64()));
    over.t = record.find_field("t").get_double();
    over.succeeded = record.find_field("succeeded").get_uint64();
    over.failed = record.find_field("failed").get_uint64();
    over.skipped = record.find_field("skipped").get_uint64();
    over.waiting = record.find_field("waiting").get_uint64();
    sink.on(over);
  }
};

JournalRecords::JournalRecords(std::string path, RecordSink& sink)
    : path_(std::move(path)), sink_(sink), parser_(std::make_unique<Parser>()) {}

JournalRecords::~JournalRecords() = default;

std::size_t JournalRecords::read(const char* text, std::size_t size, std::size_t capacity) {
  std::size_t at = 0;
  while (at < size && damage_.what.empty()) {
    const auto* newline = static_cast<const char*>(std::memchr(text + at, '\n', size - at));
    if (newline == nullptr) break;  // torn, or still being written: the newline is a record's last byte
    const auto length = static_cast<std::size_t>(newline - text) - at;
    const std::string_view record(text + at, length);
    const bool sealed = is_sealed(record);
    try {
      if (sealed && parser_->read_usual(record, sink_)) {
        pass(length, at);
        continue;
      }
      // A journal of another version may know no seals: it tells its version before that counts.
      if (!sealed && !record.starts_with("{\"life\":")) damaged(simdjson::TAPE_ERROR);
      auto document = parser_->json.iterate(simdjson::padded_string_view(text + at, length, capacity - at));
      parser_->read(document.get_object(), path_, sink_);
      if (!sealed) damaged(simdjson::TAPE_ERROR);
    } catch (const simdjson::simdjson_error& error) {
      damage_ = {line_ + 1, byte_, error.what()};
      break;
    } catch (const RecordRefused& error) {
      damage_ = {line_ + 1, byte_, error.what()};
      break;
    }
    pass(length, at);
  }
  return at;
}

void JournalRecords::pass(std::size_t length, std::size_t& at) {
  ++line_;
  byte_ += length + 1;
  at += length + 1;
}

std::string JournalRecords::damage_in_words() const {
  if (damage_.what.empty()) return "";
  return fmt::format(
      "{}: line {} (byte {}) is damaged: {}. What stands before it is good: cut the "
      "file there to go on from that point, or use --restart",
      path_, damage_.line, damage_.byte, damage_.what);
}

}  // namespace gradus
