#include <fmt/format.h>

#include "cli/option_table.h"

namespace gradus::cli {
namespace {

using Text = std::string;

Text store_optional(std::optional<std::uint32_t>& target, const Text& text, std::uint32_t least) {
  std::uint32_t count = 0;
  auto wrong = store_count(count, text, least);
  if (wrong.empty()) target = count;
  return wrong;
}

}  // namespace

Group simulate_options() {
  return {
      "Simulation",
      {{"nodes", simulation, "N", "nodes, all alike (default 1)",
        [](RunOptions& o, const Text& t) { return store_count(o.simulate.nodes, t, 1); }},
       {"gpus-per-node", simulation, "G", "GPUs of each node; to be given when a step uses a GPU",
        [](RunOptions& o, const Text& t) { return store_optional(o.simulate.gpus_per_node, t, 0); }},
       {"slots-per-gpu", simulation, "S", "S slots share each GPU; in place of --threads",
        [](RunOptions& o, const Text& t) { return store_optional(o.simulate.slots_per_gpu, t, 1); }},
       {"ranks-per-node", simulation, "R", "worker ranks on each node (default 1); T of --threads is slots per rank",
        [](RunOptions& o, const Text& t) { return store_count(o.simulate.ranks_per_node, t, 1); }},
       {"cores-per-node", simulation, "C",
        "cores of each node (default: so many that each slot has what the most demanding step asks for with cpus)",
        [](RunOptions& o, const Text& t) { return store_optional(o.simulate.cores_per_node, t, 1); }},
       {"durations", simulation, "DIR|none",
        "a run directory: steps without a cost are expected to take what they, or steps of the same shape, took "
        "there (default: the steps file's own run directory, if there is one)",
        [](RunOptions& o, const Text& t) {
          if (t.empty()) return Text(empty_value);
          o.simulate.durations = t;
          return Text();
        }},
       {"delay", simulation, "TIME", "from the end of a step until the master knows of it, at most (default 0.001s)",
        [](RunOptions& o, const Text& t) { return store_duration(o.simulate.delay_s, t); }},
       {"sweep", simulation, nullptr,
        "print the prediction for every number of nodes that was tried; how many are enough is told without it, too, "
        "unless the steps are more than 50,000",
        [](RunOptions& o, const Text&) {
          o.simulate.sweep = true;
          return Text();
        }}}};
}

}  // namespace gradus::cli
