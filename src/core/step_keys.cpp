#include "core/step_keys.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <unordered_map>

namespace gradus {
namespace {

/// Fields with their lengths, so that ("ab","c") and ("a","bc") differ.
class Hash {
 public:
  Hash() { XXH3_64bits_reset(&state_); }
  Hash& add(std::string_view text) {
    add_number(text.size());
    XXH3_64bits_update(&state_, text.data(), text.size());
    return *this;
  }
  Hash& add_number(std::uint64_t number) {
    XXH3_64bits_update(&state_, &number, sizeof number);
    return *this;
  }
  std::uint64_t value() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;
};

std::uint64_t command_hash(const Step& step) {
  return Hash().add_number(step.is_argv ? 1 : 0).add(step.command).value();
}

}  // namespace

std::vector<StepKey> step_keys(const Graph& graph) {
  std::vector<StepKey> keys(graph.step_count());
  std::unordered_map<std::uint64_t, std::uint64_t> occurrences;  // of a command among steps without id
  occurrences.reserve(keys.size());
  for (StepIndex i = 0; i < keys.size(); ++i) {
    const auto& step = graph.step(i);
    if (!step.id.empty()) {
      keys[i].key = Hash().add("id").add(step.id).value();
    } else {
      const auto command = command_hash(step);
      keys[i].key = Hash().add_number(command).add_number(++occurrences[command]).value();
    }
  }
  std::vector<std::uint64_t> needed;
  for (StepIndex i = 0; i < keys.size(); ++i) {
    const auto& options = graph.options(i);
    Hash hash;
    hash.add_number(command_hash(graph.step(i))).add(options.cwd).add_number(options.env.size());
    for (const auto& [name, value] : options.env) hash.add(name).add(value);
    needed.clear();
    for (const auto step : graph.needs(i)) {
      if (!graph.is_barrier(step)) needed.push_back(keys[step].key);
    }
    std::sort(needed.begin(), needed.end());
    for (const auto key : needed) hash.add_number(key);
    keys[i].digest = hash.value();
  }
  return keys;
}

}  // namespace gradus
