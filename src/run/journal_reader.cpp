#include "run/journal_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <fstream>
#include <stdexcept>
#include <unordered_map>

#include "core/json_string.h"
#include "gradus/journal.h"
#include "run/seal.h"

namespace gradus {
namespace {

namespace od = simdjson::ondemand;

[[noreturn]] void damaged(simdjson::error_code what) { throw simdjson::simdjson_error(what); }

/// Takes in record after record; throws simdjson_error for what is none.
class StoryReader {
 public:
  StoryReader(const std::string& path, JournalStory& story) : path_(path), story_(story) {}

  void read(od::object record) {
    // The first key tells the kind; the rest of a record is looked up from there, in the order of writing.
    for (auto field : record) {
      const std::string_view kind = field.unescaped_key();
      od::value value = field.value();
      if (kind == "life") return life(value, record);
      if (story_.lives == 0) break;
      if (kind == "launch") return launched(ordinal(value), record);
      if (kind == "end") return ended(ordinal(value), record);
      if (kind == "lost") return lost(ordinal(value), record);
      return check_rest(record);
    }
    damaged(simdjson::INCORRECT_TYPE);
  }

 private:
  struct Live {
    JournalStory::StepState* state = nullptr;
    std::uint64_t attempt = 0;
  };

  std::uint64_t ordinal(od::value& value) const {
    const std::uint64_t step = value.get_uint64();
    if (step == 0 || step > count_) damaged(simdjson::INDEX_OUT_OF_BOUNDS);
    return step;
  }

  static std::uint64_t hexadecimal(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error != std::errc() || end != text.data() + text.size()) damaged(simdjson::NUMBER_ERROR);
    return number;
  }

  static void check_rest(od::object& record) {
    const std::string_view whole = record.raw_json();
    if (!whole.ends_with("}")) damaged(simdjson::TAPE_ERROR);
  }

  void life(od::value& value, od::object& record) {
    const std::int64_t version = value.get_int64();
    if (version != journal_version) {
      throw std::runtime_error(
          fmt::format("{} was written by another version of Gradus (journal version {}, this one "
                      "reads {}): use that version, or --restart",
                      path_, version, journal_version));
    }
    const std::uint64_t count = record.find_field("count").get_uint64();
    if (count > 0xffffffffU) damaged(simdjson::NUMBER_OUT_OF_RANGE);
    ++story_.lives;
    count_ = count;
    live_.clear();  // ordinals and attempts count within a life
  }

  void launched(std::uint64_t step, od::object& record) {
    const std::uint64_t attempt = record.find_field("a").get_uint64();
    const auto key = hexadecimal(record.find_field("key").get_string());
    const auto digest = hexadecimal(record.find_field("digest").get_string());
    auto& state = story_.steps[key];
    state = {digest, false, 0};  // its outputs may be half overwritten from now on
    live_[step] = {&state, attempt};
  }

  void ended(std::uint64_t step, od::object& record) {
    const std::uint64_t attempt = record.find_field("a").get_uint64();
    const std::string_view outcome = record.find_field("outcome").get_string();
    const double start = record.find_field("start").get_double();
    const double stop = record.find_field("stop").get_double();
    const auto live = live_.find(step);
    if (live == live_.end() || live->second.attempt != attempt) damaged(simdjson::INCORRECT_TYPE);
    if (outcome == "succeeded") {
      live->second.state->succeeded = true;
      live->second.state->seconds = stop - start;
    }
    live_.erase(live);
  }

  void lost(std::uint64_t step, od::object& record) {
    check_rest(record);
    live_.erase(step);
  }

  const std::string& path_;
  JournalStory& story_;
  std::uint64_t count_ = 0;  // steps in this life: said by the file, so nothing is allocated for it
  std::unordered_map<std::uint64_t, Live> live_;  // by ordinal; only what runs
};

}  // namespace

JournalStory read_journal(const std::string& path, std::string text) {
  JournalStory story;
  StoryReader reader(path, story);
  constexpr std::size_t least_for_a_step = 200;  // launch and end
  story.steps.reserve(text.size() / least_for_a_step);
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  od::parser parser;
  std::size_t at = 0;
  for (std::uint64_t line = 1; at < text.size(); ++line) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;  // torn: the newline is a record's last byte
    const auto record = std::string_view(text).substr(at, end - at);
    const bool sealed = is_sealed(record);
    try {
      // A journal of another version may know no seals: it tells its version before that counts.
      if (!sealed && !record.starts_with("{\"life\":")) damaged(simdjson::TAPE_ERROR);
      auto document = parser.iterate(simdjson::padded_string_view(text.data() + at, end - at, text.capacity() - at));
      reader.read(document.get_object());
      if (!sealed) damaged(simdjson::TAPE_ERROR);
    } catch (const simdjson::simdjson_error& error) {
      throw std::runtime_error(
          fmt::format("{}: line {} (byte {}) is damaged: {}. What stands before it is good: cut the "
                      "file there to go on from that point, or use --restart",
                      path, line, at, error.what()));
    }
    at = end + 1;
  }
  story.whole_size = at;
  story.torn_bytes = text.size() - at;
  return story;
}

namespace {

/// The number behind `"key":` in a record of ours; the keys of a record stand in a known order.
std::optional<std::uint32_t> number_of(std::string_view record, std::string_view key) {
  const auto at = record.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(record.data() + at + key.size(), record.data() + record.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<FoundStep> find_step(const std::string& path, const std::string& name) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(fmt::format("{} cannot be read", path));
  const auto id = R"(,"id":)" + json_string(name) + R"(,"x":)";
  std::uint32_t wanted_ordinal = 0;
  std::from_chars(name.data(), name.data() + name.size(), wanted_ordinal);
  std::optional<FoundStep> by_id, by_ordinal;
  const auto end_of = [](std::optional<FoundStep>& step, std::uint32_t which) {
    if (step && step->ordinal == which) step->is_running = false;
  };
  for (std::string line; std::getline(file, line) && !file.eof();) {
    if (const auto ordinal = number_of(line, R"({"launch":)"); ordinal && line.starts_with("{\"launch")) {
      const FoundStep found{*ordinal, number_of(line, R"("a":)").value_or(1),
                            number_of(line, R"("worker":)").value_or(0), number_of(line, R"("slots":[)").value_or(0),
                            true};
      // The id is the last key before the checksum.
      if (line.find(id) != std::string::npos) by_id = found;
      if (*ordinal == wanted_ordinal) by_ordinal = found;
    } else if (line.starts_with("{\"end\":") || line.starts_with("{\"lost\":")) {
      const auto ended = number_of(line, line.starts_with("{\"end") ? R"({"end":)" : R"({"lost":)").value_or(0);
      end_of(by_id, ended);
      end_of(by_ordinal, ended);
    } else if (line.starts_with("{\"life\":")) {
      if (by_id) by_id->is_running = false;
      if (by_ordinal) by_ordinal->is_running = false;
    }
  }
  return by_id ? by_id : by_ordinal;
}

}  // namespace gradus
