#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/input.h"
#include "core/order.h"

namespace gradus::cli {

int plan_command(const Words& words, World& world) {
  const auto input = read_input(Subcommand::plan, words, world.signal_rules());
  const auto options = placement_options(input, world.alone());
  auto plan = make_plan(world.ask(options.use_gpu, input.options.master_works), options);
  world.dismiss();
  auto mistakes = plan.mistakes;
  if (mistakes.empty() && input.steps.graph) mistakes = check_capacity(*input.steps.graph, worker_shapes(plan));
  leave_if_wrong(mistakes);
  if (input.steps.graph) note_spare_gpus(*input.steps.graph, worker_shapes(plan), plan.notes);
  fmt::print("{}", input.options.json ? plan_json(plan) : plan_table(plan));
  if (!input.options.json) {
    for (const auto& note : plan.notes) fmt::print("note: {}\n", note);
  }
  return 0;
}

}  // namespace gradus::cli
