#include "run/journal_reader.h"

#include <simdjson.h>

#include <stdexcept>
#include <unordered_map>

#include "run/journal_records.h"

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
    state = {record.digest, false, 0};  // its outputs may be half overwritten from now on
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

}  // namespace

JournalStory read_journal(const std::string& path, std::string text) {
  JournalStory story;
  StoryReader reader(story);
  constexpr std::size_t least_for_a_step = 200;  // launch and end
  story.steps.reserve(text.size() / least_for_a_step);
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  JournalRecords records(path, reader);
  story.whole_size = records.read(text.data(), text.size(), text.capacity());
  if (!records.damage().what.empty()) throw std::runtime_error(records.damage_in_words());
  story.torn_bytes = text.size() - story.whole_size;
  return story;
}

}  // namespace gradus
