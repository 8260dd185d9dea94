#include "run/readiness.h"

namespace gradus {

bool is_of_latest_life(const Graph& graph, const Chronicle& chronicle) {
  return chronicle.lives().empty() || graph.step_count() == chronicle.lives().back().step_count;
}

Readiness::Readiness(const Graph& graph, const Chronicle& chronicle) : graph_(graph), chronicle_(chronicle) {
  // A barrier needs only steps and barriers before it.
  for (auto node = static_cast<StepIndex>(graph.step_count()); node < graph.node_count(); ++node) {
    barrier_met_.push_back(false);
    barrier_met_.back() = has_what_it_needs(node);
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

BarrierKind Readiness::kind_of(StepIndex node) const {
  return graph_.is_barrier(node) ? graph_.barrier_kind(node) : BarrierKind::succeeded;
}

StepIndex Readiness::first_unmet(StepIndex node) const {
  for (const auto need : graph_.needs(node)) {
    if (!is_met(need, kind_of(node))) return need;
  }
  return no_step;
}

std::vector<StepIndex> Readiness::held_back_by(StepIndex node) const {
  std::vector<StepIndex> unmet;
  for (const auto need : graph_.needs(node)) {
    if (!is_met(need, kind_of(node))) unmet.push_back(need);
  }
  return unmet;
}

StepIndex Readiness::root_of(StepIndex step) {
  if (roots_.empty()) roots_.assign(graph_.node_count(), no_step);
  std::vector<StepIndex> way;
  auto node = step;
  while (roots_[node] == no_step) {
    way.push_back(node);
    const bool stands = !graph_.is_barrier(node) && node != step && (runs(node) || settled(node));
    const auto next = stands ? no_step : first_unmet(node);
    if (next == no_step) {
      roots_[node] = node;
    } else {
      node = next;
    }
  }
  for (const auto one : way) roots_[one] = roots_[node];
  return roots_[step];
}

}  // namespace gradus
