#include "core/step_keys.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gradus {
namespace {

/// Fields with their lengths, so that ("ab","c") and ("a","bc") differ. One buffer for all steps: hashing
/// short texts piece by piece costs several times more.
class Hash {
 public:
  Hash& begin() {
    bytes_.clear();
    return *this;
  }
  Hash& add(std::string_view text) {
    add_number(text.size());
    bytes_.append(text);
    return *this;
  }
  Hash& add_number(std::uint64_t number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
    return *this;
  }
  std::uint64_t value() const { return XXH3_64bits(bytes_.data(), bytes_.size()); }

 private:
  std::string bytes_;
};

}  // namespace

std::vector<StepKey> step_keys(const Graph& graph) {
  std::vector<StepKey> keys(graph.step_count());
  std::unordered_map<std::uint64_t, std::uint64_t> occurrences;  // of a command among steps without id
  occurrences.reserve(keys.size());
  Hash hash;
  for (StepIndex i = 0; i < keys.size(); ++i) {
    const auto& step = graph.step(i);
    const auto command = hash.begin().add_number(step.is_argv ? 1 : 0).add(step.command).value();
    keys[i].digest = command;  // until the keys of what it needs are known
    if (step.id.empty()) {
      keys[i].key = hash.begin().add_number(command).add_number(++occurrences[command]).value();
    } else {
      keys[i].key = hash.begin().add("id").add(step.id).value();
    }
  }
  std::vector<std::uint64_t> needed;
  for (StepIndex i = 0; i < keys.size(); ++i) {
    const auto& options = graph.options(i);
    hash.begin().add_number(keys[i].digest).add(options.cwd).add_number(options.env.size());
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
