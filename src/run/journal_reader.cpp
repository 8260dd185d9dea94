#include "run/journal_reader.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <unordered_map>

#include "run/journal_pieces.h"
#include "run/journal_records.h"
#include "run/run_directory.h"

namespace gradus {
namespace {

/// Of each step only what matters for going on.
class StoryReader : public RecordSink {
 public:
  explicit StoryReader(JournalStory& story) : story_(story) {}

  using RecordSink::on;

  void on(const LifeBegins& /*record*/) override {
    ++story_.lives;
    live_.clear();  // ordinals and attempts count within a life
  }

  void on(const LaunchRecord& record) override {
    auto& state = story_.steps[record.key];
    state = {record.digest, false, 0, record.ordinal, story_.lives};  // its outputs may be half overwritten from now on
    live_[record.ordinal] = {&state, record.attempt};
  }

  void on(const EndRecord& record) override {
    const auto live = live_.find(record.ordinal);
    if (live == live_.end() || live->second.attempt != record.attempt) {
      throw RecordRefused("it ends an attempt that was not running");
    }
    if (record.outcome == OutcomeKind::succeeded) {
      live->second.state->succeeded = true;
      live->second.state->seconds = record.stop - record.start;
    }
    live_.erase(live);
  }

  void on(const LostRecord& record) override { live_.erase(record.ordinal); }

 private:
  struct Live {
    JournalStory::StepState* state = nullptr;
    std::uint32_t attempt = 0;
  };

  JournalStory& story_;
  std::unordered_map<std::uint32_t, Live> live_;  // by ordinal; only what runs
};

constexpr std::size_t least_for_a_step = 200;  // launch and end

void finish(const JournalRecords& records, const BytesRead& bytes, JournalStory& story) {
  if (!records.damage().what.empty()) throw std::runtime_error(records.damage_in_words());
  story.whole_size = bytes.taken;
  story.torn_bytes = bytes.left;
}

}  // namespace

/// An error must not look like an empty journal: that would be begun anew.
std::optional<JournalStory> read_journal(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) {
    throw std::system_error(errno, std::generic_category(), "open " + path);
  }
  JournalStory story;
  story.steps.reserve(static_cast<std::size_t>(status.st_size) / least_for_a_step);
  StoryReader reader(story);
  JournalRecords records(path, reader);
  try {
    finish(records, read_in_pieces(file.get(), 0, records), story);
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), "read " + path);
  }
  return story;
}

JournalStory read_journal_text(const std::string& path, std::string text) {
  JournalStory story;
  StoryReader reader(story);
  const auto size = text.size();
  text.reserve(size + simdjson::SIMDJSON_PADDING);
  JournalRecords records(path, reader);
  const auto taken = records.read(text.data(), size, text.capacity());
  finish(records, {taken, size - taken}, story);
  return story;
}

}  // namespace gradus
