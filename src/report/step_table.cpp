#include "report/step_table.h"

#include "core/step_keys.h"

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
  begin_.assign(known.size() + 1, 0);
  for (const auto step : of_attempt_) ++begin_[step + 1];
  for (std::size_t step = 1; step < begin_.size(); ++step) begin_[step] += begin_[step - 1];
  attempts_.resize(of_attempt_.size());
  auto next = begin_;
  for (std::size_t i = 0; i < of_attempt_.size(); ++i)
    attempts_[next[of_attempt_[i]]++] = static_cast<std::uint32_t>(i);
  if (graph != nullptr) match(*graph, known);
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
