#include "run/time_left.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/longest_paths.h"
#include "core/slot_choice.h"
#include "core/step_keys.h"
#include "gradus/durations.h"
#include "run/readiness.h"
#include "run/status.h"

namespace gradus {
namespace {

/// Time at work over the number of ends, of those that still run too: what runs already for longer than others took
/// must count, or a few short ones would promise a quick end. This is the estimate for durations that are known only to
/// be longer (Epstein & Sobel, Life Testing, J. Am. Stat. Assoc. 48, 1953).
class Mean {
 public:
  void ended(double seconds) { seconds_ += seconds, ++count_; }
  void runs_for(double seconds) { seconds_ += seconds; }
  std::optional<double> value() const {
    return count_ == 0 ? std::nullopt : std::optional(seconds_ / static_cast<double>(count_));
  }

 private:
  double seconds_ = 0;
  std::uint64_t count_ = 0;
};

double elapsed(const RunStatus& status, const RunStatus::Running& one) {
  return one.waits ? 0 : std::max(0.0, status.now - one.since);
}

/// What lies between short steps counts as well: only the rate knows it.
double at_least_by_rate(const RunStatus& status, double by_work, double mean) {
  if (mean >= 1 || status.rate_per_s <= 0) return by_work;
  return std::max(by_work, static_cast<double>(status.counts.waiting + status.running.size()) / status.rate_per_s);
}

std::optional<double> without_steps(const RunStatus& status, const Chronicle& chronicle) {
  Mean all;
  const auto& rows = chronicle.attempts();
  for (auto i = chronicle.lives().back().first_attempt; i < rows.size(); ++i) {
    if (rows[i].state == AttemptRow::State::ended && rows[i].outcome == OutcomeKind::succeeded) {
      all.ended(rows[i].seconds());
    }
  }
  for (const auto& one : status.running) all.runs_for(elapsed(status, one));
  const auto mean = all.value();
  const auto slots = status.slots_there();
  if (!mean || slots == 0) return std::nullopt;
  double work = *mean * static_cast<double>(status.counts.waiting), longest = 0;
  for (const auto& one : status.running) {
    const double rest = std::max(0.0, *mean - elapsed(status, one));
    work += rest;
    longest = std::max(longest, rest);
  }
  return at_least_by_rate(status, std::max(work / static_cast<double>(slots), longest), *mean);
}

/// What each step takes, by all that the journal tells.
class Expectations {
 public:
  Expectations(const RunStatus& status, const Chronicle& chronicle, const KnownSteps& steps) : steps_(steps) {
    own_.assign(steps.graph().step_count(), -1);
    for (const auto& row : chronicle.attempts()) {
      if (row.state != AttemptRow::State::ended || row.outcome != OutcomeKind::succeeded) continue;
      all_.ended(row.seconds());
      const auto step = steps.with_key(row.key);
      if (step == no_step) continue;
      own_[step] = static_cast<float>(row.seconds());
      of_shape_[steps.shape(step)].ended(row.seconds());
    }
    for (const auto& one : status.running) {
      all_.runs_for(elapsed(status, one));
      const auto step = steps.with_key(chronicle.attempts()[one.attempt].key);
      if (step != no_step) of_shape_[steps.shape(step)].runs_for(elapsed(status, one));
    }
  }

  std::optional<double> seconds(StepIndex step) const {
    if (own_[step] >= 0) return own_[step];
    const auto seen = of_shape_.find(steps_.shape(step));
    if (seen != of_shape_.end() && seen->second.value()) return seen->second.value();
    const double cost = steps_.graph().step(step).cost;
    return cost >= 0 ? cost : all_.value();
  }

 private:
  const KnownSteps& steps_;
  std::vector<float> own_;  // by step; negative: it never succeeded
  std::unordered_map<std::uint64_t, Mean> of_shape_;
  Mean all_;
};

struct Slots {
  double all = 0, with_gpu = 0, gpus = 0, nodes = 0;
};

Slots slots_of(const RunStatus& status) {
  Slots slots;
  std::vector<std::uint32_t> nodes;
  for (const auto& worker : status.workers) {
    if (worker.lost) continue;
    nodes.push_back(worker.node);
    for (const auto& slot : worker.slots) {
      if (slot.is_quarantined) continue;
      ++slots.all;
      if (slot.gpus.empty()) continue;
      ++slots.with_gpu;
      slots.gpus += static_cast<double>(slot.gpus.size());
    }
  }
  std::sort(nodes.begin(), nodes.end());
  slots.nodes = static_cast<double>(std::unique(nodes.begin(), nodes.end()) - nodes.begin());
  return slots;
}

/// How many slots a step holds; of several, as they are on the mean.
double width(const Demand& demand, const Slots& slots) {
  if (demand.nodes > 0 && slots.nodes > 0) return std::ceil(demand.nodes * slots.all / slots.nodes);
  if (demand.gpus == 0 || slots.gpus == 0) return 1;
  return std::max(1.0, std::ceil(demand.gpus * slots.with_gpu / slots.gpus));
}

/// Of these, with GPUs.
double gpu_width(const Demand& demand, const Slots& slots) {
  if (!demand.wants_gpu) return 0;
  return demand.nodes > 0 && slots.nodes > 0 ? demand.nodes * slots.with_gpu / slots.nodes : width(demand, slots);
}

std::optional<double> with_steps(const RunStatus& status, const Chronicle& chronicle, const KnownSteps& steps) {
  const auto& graph = steps.graph();
  const Expectations expected(status, chronicle, steps);
  const Readiness stand(graph, chronicle);
  std::unordered_map<StepIndex, double> behind;  // of what runs, seconds that have passed
  for (const auto& one : status.running) {
    behind[chronicle.attempts()[one.attempt].ordinal - 1] = elapsed(status, one);
  }
  const auto slots = slots_of(status);
  std::vector<float> rest(graph.step_count(), 0);
  double work = 0, gpu_work = 0, sum = 0;
  std::uint64_t left = 0;
  for (StepIndex step = 0; step < rest.size(); ++step) {
    if (stand.settled(step)) continue;
    const auto seconds = expected.seconds(step);
    if (!seconds) return std::nullopt;
    const auto begun = behind.find(step);
    rest[step] = static_cast<float>(std::max(0.0, *seconds - (begun == behind.end() ? 0 : begun->second)));
    const auto demand = demand_of(graph, step);
    work += rest[step] * width(demand, slots);
    gpu_work += rest[step] * gpu_width(demand, slots);
    sum += *seconds;
    ++left;
  }
  if (left == 0 || slots.all == 0) return std::nullopt;
  const auto paths = longest_paths(graph, rest);
  double bound = std::max(work / slots.all, double{*std::max_element(paths.begin(), paths.end())});
  if (slots.with_gpu > 0) bound = std::max(bound, gpu_work / slots.with_gpu);
  return at_least_by_rate(status, bound, sum / static_cast<double>(left));
}

}  // namespace

KnownSteps::KnownSteps(std::shared_ptr<const Graph> graph) : graph_(std::move(graph)), by_key_(graph_->step_count()) {
  const auto keys = step_keys(*graph_);
  shapes_.reserve(keys.size());
  for (StepIndex step = 0; step < keys.size(); ++step) {
    shapes_.push_back(command_shape(graph_->step(step).command));
    if (step + by_key_.ahead < keys.size()) by_key_.expect(keys[step + by_key_.ahead].key);
    by_key_[keys[step].key] = step;
  }
}

StepIndex KnownSteps::with_key(std::uint64_t key) const {
  const auto* step = by_key_.find(key);
  return step == nullptr ? no_step : *step;
}

std::optional<double> time_left_s(const RunStatus& status, const Chronicle& chronicle, const KnownSteps* steps) {
  if (status.state != "running" || !status.stops.empty() || chronicle.lives().empty()) return std::nullopt;
  const bool are_known = steps != nullptr && is_of_latest_life(steps->graph(), chronicle);
  return are_known ? with_steps(status, chronicle, *steps) : without_steps(status, chronicle);
}

}  // namespace gradus
