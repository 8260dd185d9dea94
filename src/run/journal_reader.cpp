#include "run/journal_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <stdexcept>

#include "gradus/journal.h"

namespace gradus {
namespace {

namespace od = simdjson::ondemand;

class StoryReader {
 public:
  StoryReader(const std::string& path, JournalStory& story) : path_(path), story_(story) {}

  /// One record; throws simdjson_error when it is none.
  void read(od::object record) {
    for (auto field : record) {
      const std::string_view kind = field.unescaped_key();
      od::value value = field.value();
      // The kind is the first key; the rest of a record is looked up from there.
      if (kind == "launch") return launched(ordinal(value), record);
      if (kind == "end") return ended(ordinal(value), record);
      if (kind == "life") return life(value, record);
      return check_rest(record);
    }
    throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  }

 private:
  struct Running {
    std::uint64_t key = 0, digest = 0;
  };

  static std::uint64_t ordinal(od::value& value) { return value.get_uint64(); }

  static std::uint64_t hexadecimal(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error != std::errc() || end != text.data() + text.size()) throw simdjson::simdjson_error(simdjson::NUMBER_ERROR);
    return number;
  }

  void check_rest(od::object& record) {
    const std::string_view whole = record.raw_json();
    if (!whole.ends_with("}")) throw simdjson::simdjson_error(simdjson::TAPE_ERROR);
  }

  void life(od::value& value, od::object& record) {
    const std::int64_t version = value.get_int64();
    if (version != journal_version) {
      throw std::runtime_error(fmt::format("{} was written by another version of Gradus (journal version {}, this one "
                                           "reads {}): use that version, or --restart",
                                           path_, version, journal_version));
    }
    check_rest(record);
    ++story_.lives;
    running_.clear();  // ordinals count within a life
  }

  void launched(std::uint64_t step, od::object& record) {
    Running launch;
    launch.key = hexadecimal(record.find_field("key").get_string());
    launch.digest = hexadecimal(record.find_field("digest").get_string());
    if (step >= running_.size()) running_.resize(step + step / 2 + 1);
    running_[step] = launch;
    // Its outputs may be half overwritten from now on.
    story_.steps[launch.key] = {launch.digest, false, 0};
  }

  void ended(std::uint64_t step, od::object& record) {
    const std::string_view outcome = record.find_field("outcome").get_string();
    const bool succeeded = outcome == "succeeded";
    const double start = record.find_field("start").get_double();
    const double stop = record.find_field("stop").get_double();
    if (!succeeded || step >= running_.size()) return;
    auto& state = story_.steps[running_[step].key];
    state.succeeded = true;
    state.seconds = stop - start;
  }

  const std::string& path_;
  JournalStory& story_;
  std::vector<Running> running_;  // by ordinal
};

}  // namespace

JournalStory read_journal(const std::string& path, const std::string& text) {
  JournalStory story;
  StoryReader reader(path, story);
  std::string padded = text;
  padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  od::parser parser;
  std::size_t at = 0;
  for (std::uint64_t line = 1; at < text.size(); ++line) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;  // torn: the newline is a record's last byte
    try {
      const auto behind = padded.capacity() - at;
      auto document = parser.iterate(simdjson::padded_string_view(padded.data() + at, end - at, behind));
      reader.read(document.get_object());
    } catch (const simdjson::simdjson_error& error) {
      throw std::runtime_error(fmt::format("{}: line {} (byte {}) is damaged: {}. What stands before it is good: cut the "
                                           "file there to go on from that point, or use --restart",
                                           path, line, at, error.what()));
    }
    at = end + 1;
  }
  story.whole_size = at;
  story.torn_bytes = text.size() - at;
  return story;
}

}  // namespace gradus
