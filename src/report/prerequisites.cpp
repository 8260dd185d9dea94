#include "report/prerequisites.h"

namespace gradus {

/// A barrier needs only steps and barriers above it, and barriers are numbered from above: each is asked once.
Prerequisites::Prerequisites(const RunStory& story) : story_(story) {
  if (story.graph == nullptr) return;
  const auto steps = static_cast<StepIndex>(story.graph->step_count());
  for (StepIndex node = steps; node < story.graph->node_count(); ++node) barriers_.emplace_back();
  for (StepIndex node = steps; node < story.graph->node_count(); ++node) barriers_[node - steps] = latest_above(node);
}

std::optional<std::uint32_t> Prerequisites::latest_above(StepIndex node) const {
  std::optional<std::uint32_t> latest;
  for (const auto need : story_.graph->needs(node)) {
    const auto one = latest_of(need);
    if (one && (!latest || story_.spans.of(*one).end > story_.spans.of(*latest).end)) latest = one;
  }
  return latest;
}

std::optional<std::uint32_t> Prerequisites::latest_of(StepIndex node) const {
  const auto steps = static_cast<StepIndex>(story_.graph->step_count());
  if (node >= steps) return barriers_[node - steps];
  const auto step = story_.steps.of_graph(node);
  return step ? std::optional(story_.steps.last_attempt(*step)) : std::nullopt;
}

std::optional<std::uint32_t> Prerequisites::latest(std::uint32_t step) const {
  const auto node = story_.steps.in_graph(step);
  return node == no_step ? std::nullopt : latest_above(node);
}

}  // namespace gradus
