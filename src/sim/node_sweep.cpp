#include "sim/node_sweep.h"

namespace gradus {
namespace {

constexpr double no_gain = 1.01;

bool more_cannot_help(const Prediction& prediction) {
  return prediction.makespan_s <= no_gain * prediction.bound.path_s ||
         prediction.slots.all() >= prediction.counts.total();
}

class Search {
 public:
  Search(const PredictNodes& predict_nodes, NodeSweep& sweep) : predict_nodes_(predict_nodes), sweep_(sweep) {}

  void double_up_to(std::uint32_t most_nodes) {
    const Prediction* half = nullptr;
    int in_vain = 0;
    for (std::uint64_t nodes = 1; nodes <= most_nodes; nodes *= 2) {
      const auto* now = ask(static_cast<std::uint32_t>(nodes));
      if (now == nullptr) continue;
      if (half != nullptr) {
        if (half->makespan_s >= NodeSweep::worthwhile * now->makespan_s) sweep_.worthwhile_nodes = now->nodes;
        in_vain = half->makespan_s < no_gain * now->makespan_s ? in_vain + 1 : 0;
      }
      half = now;
      if (in_vain == 2 || more_cannot_help(*now)) return;
    }
  }

  void find_best() {
    sweep_.best_nodes = 0;
    for (const auto& [nodes, prediction] : sweep_.by_nodes) {
      if (sweep_.best_nodes == 0 || prediction.makespan_s < sweep_.by_nodes.at(sweep_.best_nodes).makespan_s) {
        sweep_.best_nodes = nodes;
      }
    }
  }

  /// Between the last count that is too few and the first that is enough.
  void find_enough() {
    if (sweep_.best_nodes == 0) return;
    const double limit = NodeSweep::near_best * sweep_.by_nodes.at(sweep_.best_nodes).makespan_s;
    std::uint32_t too_few = 0, enough = 0;
    for (const auto& [nodes, prediction] : sweep_.by_nodes) {
      if (prediction.makespan_s <= limit) {
        enough = nodes;
        break;
      }
      too_few = nodes;
    }
    while (enough - too_few > 1) {
      const auto middle = too_few + (enough - too_few) / 2;
      const auto* there = ask(middle);
      (there != nullptr && there->makespan_s <= limit ? enough : too_few) = middle;
    }
    sweep_.enough_nodes = enough;
  }

 private:
  const Prediction* ask(std::uint32_t nodes) {
    const auto known = sweep_.by_nodes.find(nodes);
    if (known != sweep_.by_nodes.end()) return &known->second;
    auto prediction = predict_nodes_(nodes);
    if (!prediction) return nullptr;
    return &sweep_.by_nodes.emplace(nodes, std::move(*prediction)).first->second;
  }

  const PredictNodes& predict_nodes_;
  NodeSweep& sweep_;
};

}  // namespace

NodeSweep sweep_nodes(const PredictNodes& predict_nodes, std::uint32_t most_nodes) {
  NodeSweep sweep;
  Search search(predict_nodes, sweep);
  search.double_up_to(most_nodes);
  search.find_best();
  search.find_enough();
  search.find_best();
  return sweep;
}

}  // namespace gradus
