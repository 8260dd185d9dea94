#include "run/readiness.h"

namespace gradus {

Readiness::Readiness(const Graph& graph, const Chronicle& chronicle) : graph_(graph), chronicle_(chronicle) {
  // A barrier needs only steps and barriers before it.
  for (auto node = static_cast<StepIndex>(graph.step_count()); node < graph.node_count(); ++node) {
    barrier_met_.push_back(false);
    barrier_met_.back() = held_back_by(node).empty();
  }
}

bool Readiness::succeeded(StepIndex step) const {
  const auto standing = chronicle_.standing(step + 1);
  if (standing != StepStanding::untouched) return standing == StepStanding::succeeded;
  return !chronicle_.lives().empty() && chronicle_.lives().back().is_kept(step + 1);
}

bool Readiness::settled(StepIndex step) const {
  const auto standing = chronicle_.standing(step + 1);
  return standing == StepStanding::failed || standing == StepStanding::skipped || succeeded(step);
}

bool Readiness::is_met(StepIndex need, BarrierKind for_what) const {
  if (graph_.is_barrier(need)) {
    const auto at = need - graph_.step_count();
    return at < barrier_met_.size() && barrier_met_[at];
  }
  return for_what == BarrierKind::ended ? settled(need) : succeeded(need);
}

std::vector<StepIndex> Readiness::held_back_by(StepIndex node) const {
  const auto for_what = graph_.is_barrier(node) ? graph_.barrier_kind(node) : BarrierKind::succeeded;
  std::vector<StepIndex> unmet;
  for (const auto need : graph_.needs(node)) {
    if (!is_met(need, for_what)) unmet.push_back(need);
  }
  return unmet;
}

StepIndex Readiness::root_of(StepIndex step) const {
  auto node = step;
  for (;;) {
    const auto unmet = held_back_by(node);
    if (unmet.empty()) return node;
    node = unmet.front();
    if (!graph_.is_barrier(node) && (runs(node) || settled(node))) return node;
  }
}

}  // namespace gradus
