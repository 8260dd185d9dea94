#include "inputs.h"

#include <fmt/format.h>

#include <stdexcept>

#include "sim/draws.h"

namespace gradus::bench {
namespace {

constexpr std::size_t layer = 100;

SimulatedAttempt length_of(StepIndex step, std::uint32_t attempt) {
  return {0.5 + static_cast<double>(draw({step, attempt}) % 1000) / 1000, {}};
}

AttemptOrder order(std::uint32_t step) {
  AttemptOrder order;
  order.step = step;
  order.slots = {step % 4};
  order.gpus = {{step % 4, 0}};
  order.id = fmt::format("align-{}", step);
  order.command = fmt::format("MotionCor2 -InMrc movies/m{0}.mrc -OutMrc aligned/a{0}.mrc -Gpu %(GPU)s", step);
  order.creates = {fmt::format("aligned/a{}.mrc", step)};
  return order;
}

EndReport report(std::uint32_t step) {
  EndReport report{step, 1, {}};
  report.result.started_at = step;
  report.result.ended_at = step + 1.5;
  report.result.usage.max_rss_kib = 4096;
  return report;
}

}  // namespace

std::string text_steps(std::size_t count) {
  std::string text = "#GRADUS --gpus-per-step 1 --timeout 30m\n";
  for (std::size_t i = 0; i < count; ++i) {
    fmt::format_to(std::back_inserter(text),
                   "MotionCor2 -InMrc movies/m{0}.mrc -OutMrc aligned/a{0}.mrc -Gpu %(GPU)s\n", i);
  }
  return text;
}

std::string json_steps(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    fmt::format_to(std::back_inserter(text), R"({{"id":"s{0}","command":"./average part{0}.mrc","cost":{1})", i,
                   1 + i % 7);
    if (i >= layer) {
      const auto before = (i / layer - 1) * layer;
      fmt::format_to(std::back_inserter(text), R"(,"needs":["s{}","s{}"])", before + i % layer,
                     before + (i * 7 + 1) % layer);
    }
    text += "}\n";
  }
  return text;
}

std::shared_ptr<const Graph> parse(std::string text, StepsFormat format) {
  auto file = parse_steps("bench", std::make_shared<const std::string>(std::move(text)), format,
                          [](std::string_view) { return false; });
  if (!file.graph) throw std::logic_error("a mistake in the benchmark's steps: " + to_string(file.mistakes.at(0)));
  return file.graph;
}

Plan plan(std::uint32_t workers, std::uint32_t slots) {
  Plan plan;
  for (std::uint32_t rank = 0; rank < workers; ++rank) {
    PlannedRank planned;
    planned.rank = rank;
    planned.node = rank * slots / 8;
    planned.host = fmt::format("n{}", planned.node);
    for (std::uint32_t i = 0; i < slots; ++i) planned.slots.push_back({rank * slots + i, rank, i + 1, true, {}, {i}});
    plan.ranks.push_back(planned);
  }
  return plan;
}

std::vector<SimulatedWorker> workers(std::uint32_t workers, std::uint32_t slots) {
  std::vector<SimulatedWorker> all;
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    WorkerShape shape;
    shape.node = worker * slots / 8;
    for (std::uint32_t i = 0; i < slots; ++i) shape.slots.push_back({{}, {worker * slots % 8 + i}});
    all.push_back({worker, shape});
  }
  return all;
}

void simulate(const std::shared_ptr<const Graph>& graph, std::uint32_t worker_count, std::uint32_t slots,
              const std::vector<Observer*>& observers) {
  Simulation simulation;
  simulation.workers = workers(worker_count, slots);
  simulation.model = length_of;
  SimulatedCluster cluster(graph, simulation);
  Scheduler scheduler(graph, {});
  run_loop(scheduler, cluster, observers);
  if (scheduler.counts().succeeded != graph->step_count()) throw std::logic_error("not every step succeeded");
}

std::vector<Message> messages(std::size_t count) {
  std::vector<Message> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.emplace_back(order(static_cast<std::uint32_t>(i)));
    all.emplace_back(report(static_cast<std::uint32_t>(i)));
  }
  return all;
}

}  // namespace gradus::bench
