// Journals: damage is named, and what is read adds up. After a `!` each line gets its checksum first, so that the
// records themselves are reached.
#include <stdexcept>

#include "fuzz.h"
#include "run/journal_reader.h"
#include "run/seal.h"

using namespace gradus;
using fuzz::promise;

namespace {

std::string sealed(std::string_view text) {
  std::string all;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto begin = all.size();
    all += line;
    if (line.ends_with('}')) {
      seal_record(all, begin);
    } else {
      all += '\n';
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return all;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto given = fuzz::text(bytes, size);
  const auto text = given.starts_with('!') ? sealed(given.substr(1)) : std::string(given);
  try {
    const auto story = read_journal_text("j", text);
    promise(story.whole_size + story.torn_bytes == text.size(), "every byte is whole or torn");
    promise(story.lives > 0 || story.steps.empty(), "no step before a life");
  } catch (const std::runtime_error& error) {
    promise(std::string_view(error.what()).starts_with("j"), "damage is named with its file");
  }
  return 0;
}
