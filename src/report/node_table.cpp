#include "report/node_table.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gradus/durations.h"
#include "sim/prediction.h"

namespace gradus {
namespace {

/// A sweep looks at some ten numbers of nodes; of very many steps only at half, these and twice as many.
constexpr std::size_t most_steps_swept = 20000;

using Shapes = std::vector<WorkerShape>;  // the workers of one node

/// Equal GPUs and cores of a node get equal numbers.
class Numbers {
 public:
  std::uint32_t of(const std::string& name) {
    return numbers_.try_emplace(name, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::map<std::string, std::uint32_t> numbers_;
};

std::vector<Shapes> nodes_of(const LifeStory& life) {
  std::map<std::uint32_t, Shapes> nodes;
  std::map<std::uint32_t, Numbers> gpus, cores;
  for (const auto& [id, worker] : life.workers) {
    WorkerShape shape;
    const auto node = worker.record.node;
    for (const auto& slot : worker.record.slots) {
      auto& one = shape.slots.emplace_back();
      for (const auto& gpu : slot.gpus) one.gpus.push_back(gpus[node].of(gpu));
      for (const auto core : slot.cores) one.cores.push_back(cores[node].of(std::to_string(core)));
    }
    if (!shape.slots.empty()) nodes[node].push_back(std::move(shape));
  }
  std::vector<Shapes> all;
  for (auto& [node, shapes] : nodes) all.push_back(std::move(shapes));
  return all;
}

/// What each step took when it succeeded; of those that never did, what others of their shape took.
ExpectedDurations real_durations(const RunStory& story, const Graph& graph) {
  DurationModel model;
  std::vector<double> own(graph.step_count(), -1.0);
  for (std::size_t attempt = 0; attempt < story.attempts(); ++attempt) {
    const auto& row = story.row(attempt);
    const auto step = story.steps.in_graph(story.steps.of_attempt(attempt));
    if (step == no_step || row.state != AttemptRow::State::ended || row.outcome != OutcomeKind::succeeded) continue;
    own[step] = row.seconds();
    model.observe(command_shape(graph.step(step).command), own[step]);
  }
  auto expected = expect_durations(graph, std::move(model), own);
  // A cost is an estimate: what it really took is better here.
  for (std::size_t step = 0; step < own.size(); ++step) {
    if (own[step] >= 0) expected.seconds[step] = static_cast<float>(own[step]);
  }
  return expected;
}

bool any_success(const RunStory& story) {
  for (std::size_t attempt = 0; attempt < story.attempts(); ++attempt) {
    if (story.outcome_of(attempt) == static_cast<std::uint8_t>(OutcomeKind::succeeded)) return true;
  }
  return false;
}

}  // namespace

Workers workers_like(const LifeStory& life, std::uint32_t nodes) {
  const auto templates = nodes_of(life);
  Workers workers;
  if (templates.empty()) return workers;
  for (std::uint32_t node = 0; node < nodes; ++node) {
    for (auto shape : templates[node % templates.size()]) {
      shape.node = node;
      workers.emplace_back(static_cast<WorkerId>(workers.size()), std::move(shape));
    }
  }
  return workers;
}

NodeTable node_table_of(const RunStory& story, const std::shared_ptr<const Graph>& graph, std::size_t most_steps) {
  NodeTable table;
  if (story.time.lives() == 0 || graph == nullptr) return table.why_not = "the steps file is not there", table;
  const auto& life = story.chronicle.lives().back();
  table.this_run = static_cast<std::uint32_t>(nodes_of(life).size());
  if (table.this_run == 0) return table.why_not = "the journal knows of no slots", table;
  if (!any_success(story)) return table.why_not = "no step has succeeded, so that durations are not known", table;
  if (graph->step_count() > most_steps)
    return table.why_not = "there are too many steps to try it in short time", table;

  const auto durations = real_durations(story, *graph);
  const PredictNodes predict_nodes = [&](std::uint32_t nodes) -> std::optional<Prediction> {
    const auto workers = workers_like(life, nodes);
    if (!check_capacity(*graph, workers).empty()) return std::nullopt;
    return predict(graph, workers, durations);
  };
  if (graph->step_count() <= most_steps_swept) table.sweep = sweep_nodes(predict_nodes, 1024);
  const auto here = table.this_run;
  for (const auto nodes : {here, 2 * here, here / 2}) {
    if (nodes == 0 || table.sweep.by_nodes.contains(nodes)) continue;
    if (auto one = predict_nodes(nodes)) table.sweep.by_nodes.emplace(nodes, std::move(*one));
  }
  return table;
}

}  // namespace gradus
