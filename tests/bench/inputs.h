// What the benchmarks and the counts of instructions work on: fixed inputs, made from a number alone.
//
// Knows: steps files in both forms, a graph in layers, workers and plans, messages.
// Unaware of: what is measured on them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/wire.h"
#include "gradus/graph.h"
#include "gradus/placement.h"
#include "gradus/run_loop.h"
#include "gradus/scheduler.h"
#include "gradus/simulated_cluster.h"
#include "gradus/steps_file.h"

namespace gradus::bench {

/// `count` commands as users write them, some with marks.
std::string text_steps(std::size_t count);
/// `count` JSON Lines steps in layers of 100; each but those of the first layer needs two of the layer before.
std::string json_steps(std::size_t count);

/// Throws std::logic_error when the text has a mistake.
std::shared_ptr<const Graph> parse(std::string text, StepsFormat format);

/// `workers` workers of `slots` slots with one core each, eight slots to a node.
std::vector<SimulatedWorker> workers(std::uint32_t workers, std::uint32_t slots);
/// The same as a plan.
Plan plan(std::uint32_t workers, std::uint32_t slots);

/// Runs the graph to its end in virtual time, on workers()' machine; lengths differ from step to step. `observers` see
/// it. Throws std::logic_error unless every step succeeds.
void simulate(const std::shared_ptr<const Graph>& graph, std::uint32_t workers, std::uint32_t slots,
              const std::vector<Observer*>& observers = {});

/// What a master sends for `count` steps, and what comes back.
std::vector<Message> messages(std::size_t count);

}  // namespace gradus::bench
