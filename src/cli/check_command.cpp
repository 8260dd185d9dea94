#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/input.h"
#include "core/printable.h"

namespace gradus::cli {
namespace {

struct Census {
  std::size_t gpu_steps = 0, cpu_steps = 0, edges = 0, with_cost = 0, roots = 0;
  float longest_s = 0;
};

Census count(const Graph& graph) {
  Census census;
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    const bool uses_gpu = graph.step(step).has_gpu_mark || graph.options(step).gpus.value_or(0) > 0;
    ++(uses_gpu ? census.gpu_steps : census.cpu_steps);
    census.edges += graph.needs(step).size();
    if (graph.needs(step).empty()) ++census.roots;
    if (graph.step(step).cost >= 0) ++census.with_cost;
    census.longest_s = std::max(census.longest_s, graph.longest_path_s(step));
  }
  return census;
}

}  // namespace

int check_command(const Words& words) {
  const auto input = read_input(Subcommand::check, words);
  const auto& graph = *input.steps.graph;
  const auto census = count(graph);
  fmt::print("{}: {} step{}, all well formed\n", printable(input.steps_name), graph.step_count(),
             graph.step_count() == 1 ? "" : "s");
  fmt::print("  {} use a GPU, {} run on a core only\n", census.gpu_steps, census.cpu_steps);
  fmt::print("  {} can start at once, {} prerequisites, {} barrier{}\n", census.roots, census.edges,
             graph.barrier_count(), graph.barrier_count() == 1 ? "" : "s");
  if (census.with_cost > 0) {
    fmt::print("  {} have a cost; the longest chain is expected to take {:.0f} s\n", census.with_cost,
               census.longest_s);
  }
  return 0;
}

}  // namespace gradus::cli
