#include "support/makespan_study.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "sim/prediction.h"

namespace gradus::support {
namespace {

struct Ending {
  double at = 0;
  StepIndex step = 0;
  bool operator>(const Ending& other) const { return at != other.at ? at > other.at : step > other.step; }
};

std::vector<std::vector<StepIndex>> dependents_of(const Workload& work) {
  std::vector<std::vector<StepIndex>> dependents(work.seconds.size());
  for (StepIndex step = 0; step < work.needs.size(); ++step) {
    auto needs = work.needs[step];
    std::sort(needs.begin(), needs.end());
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
    for (const auto needed : needs) dependents[needed].push_back(step);
  }
  return dependents;
}

Workers one_worker(std::uint32_t slots) {
  WorkerShape shape;
  for (std::uint32_t slot = 0; slot < slots; ++slot) shape.slots.push_back({{}, {slot}});
  return {{0, shape}};
}

}  // namespace

double list_schedule(const Workload& work, std::uint32_t slots, const std::vector<std::uint32_t>& order) {
  const auto dependents = dependents_of(work);
  std::vector<std::size_t> unmet(work.seconds.size(), 0);
  for (const auto& list : dependents) {
    for (const auto step : list) ++unmet[step];
  }
  using Ready = std::pair<std::uint32_t, StepIndex>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready;
  for (StepIndex step = 0; step < unmet.size(); ++step) {
    if (unmet[step] == 0) ready.emplace(order[step], step);
  }
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> running;
  double now = 0;
  while (!ready.empty() || !running.empty()) {
    while (!ready.empty() && running.size() < slots) {
      const auto step = ready.top().second;
      ready.pop();
      running.push({now + static_cast<double>(work.seconds[step]), step});
    }
    now = running.top().at;
    while (!running.empty() && running.top().at <= now) {
      for (const auto dependent : dependents[running.top().step]) {
        if (--unmet[dependent] == 0) ready.emplace(order[dependent], dependent);
      }
      running.pop();
    }
  }
  return now;
}

std::vector<std::uint32_t> file_order(const Workload& work) {
  std::vector<std::uint32_t> order(work.seconds.size());
  std::iota(order.begin(), order.end(), 0U);
  return order;
}

std::vector<std::uint32_t> highest_level_first(const Workload& work) {
  const auto dependents = dependents_of(work);
  std::vector<double> level(work.seconds.size(), 0);
  // The generators add a step behind all that it needs.
  for (std::size_t step = level.size(); step-- > 0;) {
    for (const auto dependent : dependents[step]) level[step] = std::max(level[step], level[dependent]);
    level[step] += static_cast<double>(work.seconds[step]);
  }
  auto by_level = file_order(work);
  std::stable_sort(by_level.begin(), by_level.end(), [&](StepIndex a, StepIndex b) { return level[a] > level[b]; });
  std::vector<std::uint32_t> order(level.size());
  for (std::uint32_t rank = 0; rank < by_level.size(); ++rank) order[by_level[rank]] = rank;
  return order;
}

double our_makespan(const Workload& work, Knowledge knowledge, std::uint32_t slots) {
  ExpectedDurations truth;
  truth.seconds = work.seconds;
  truth.model = work.model(knowledge);
  return predict(work.graph(knowledge), one_worker(slots), truth).makespan_s;
}

double best_possible(const Workload& work, std::uint32_t slots) {
  return lower_bound(*work.graph(Knowledge::unknown), work.seconds, one_worker(slots)).seconds();
}

}  // namespace gradus::support
