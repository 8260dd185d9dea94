#include "report/step_table.h"

#include "core/step_keys.h"
#include "report/spans.h"

namespace gradus {
namespace {
constexpr std::uint32_t never = 0xffffffffU;
}

StepTable::StepTable(const Chronicle& chronicle, const Graph* graph) : chronicle_(chronicle) {
  std::unordered_map<std::uint64_t, std::uint32_t> known;
  for (const auto& row : chronicle.attempts()) {
    of_attempt_.push_back(known.try_emplace(row.key, static_cast<std::uint32_t>(known.size())).first->second);
    latest_life_[row.ordinal] = row.life;
  }
  list(known.size());
  if (graph != nullptr) match(*graph, known);
}

void StepTable::list(std::size_t steps) {
  const auto& rows = chronicle_.attempts();
  std::vector<bool> began(steps, false);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].never_began()) began[of_attempt_[i]] = true;
  }
  const auto counts = [&](std::size_t i) { return !began[of_attempt_[i]] || !rows[i].never_began(); };
  begin_.assign(steps + 1, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (counts(i)) ++begin_[of_attempt_[i] + 1];
  }
  for (std::size_t step = 1; step < begin_.size(); ++step) begin_[step] += begin_[step - 1];
  attempts_.resize(begin_.back());
  auto next = begin_;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (counts(i)) attempts_[next[of_attempt_[i]]++] = static_cast<std::uint32_t>(i);
  }
}

void StepTable::match(const Graph& graph, const std::unordered_map<std::uint64_t, std::uint32_t>& known) {
  const auto keys = step_keys(graph);
  in_graph_.assign(known.size(), no_step);
  of_graph_.assign(keys.size(), never);
  for (StepIndex step = 0; step < keys.size(); ++step) {
    const auto at = known.find(keys[step].key);
    if (at == known.end()) continue;
    in_graph_[at->second] = step;
    of_graph_[step] = at->second;
  }
}

std::string StepTable::name(std::uint32_t step) const {
  return chronicle_.name_of(chronicle_.attempts()[last_attempt(step)]);
}

std::optional<std::uint32_t> StepTable::of_graph(StepIndex step) const {
  if (step >= of_graph_.size() || of_graph_[step] == never) return std::nullopt;
  return of_graph_[step];
}

bool StepTable::owns_output(std::size_t attempt) const {
  const auto& row = chronicle_.attempts()[attempt];
  const auto at = latest_life_.find(row.ordinal);
  return at != latest_life_.end() && at->second == row.life;
}

}  // namespace gradus
