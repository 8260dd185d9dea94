#include "core/step_keys.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "core/by_hash.h"

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

std::uint64_t hash_of_command(Hash& hash, const Step& step) {
  return hash.begin().add_number(step.is_argv ? 1 : 0).add(step.command).value();
}

std::uint64_t key_by_id(Hash& hash, std::string_view id) { return hash.begin().add("id").add(id).value(); }

/// `occurrence`: the how-manieth step without id that has this command, from 1.
std::uint64_t key_by_command(Hash& hash, std::uint64_t command, std::uint64_t occurrence) {
  return hash.begin().add_number(command).add_number(occurrence).value();
}

}  // namespace

std::vector<StepKey> step_keys(const Graph& graph) {
  std::vector<StepKey> keys(graph.step_count());
  Hash hash;
  std::size_t nameless = 0;
  for (StepIndex i = 0; i < keys.size(); ++i) {
    keys[i].digest = hash_of_command(hash, graph.step(i));  // until the keys of what it needs are known
    if (graph.step(i).id.empty()) ++nameless;
  }
  ByHash<std::uint32_t> occurrences(nameless);  // of a command among steps without id
  for (StepIndex i = 0; i < keys.size(); ++i) {
    if (i + occurrences.ahead < keys.size()) occurrences.expect(keys[i + occurrences.ahead].digest);
    const auto& id = graph.step(i).id;
    const auto command = keys[i].digest;
    keys[i].key = id.empty() ? key_by_command(hash, command, ++occurrences[command]) : key_by_id(hash, id);
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

std::uint64_t key_of_step(const Graph& graph, StepIndex index) {
  const auto& step = graph.step(index);
  Hash hash;
  if (!step.id.empty()) return key_by_id(hash, step.id);
  std::uint64_t occurrence = 1;
  for (StepIndex i = 0; i < index; ++i) {
    const auto& other = graph.step(i);
    if (other.id.empty() && other.is_argv == step.is_argv && other.command == step.command) ++occurrence;
  }
  return key_by_command(hash, hash_of_command(hash, step), occurrence);
}

}  // namespace gradus
