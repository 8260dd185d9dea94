// From the graph and the plan to what workers need: orders for slots, shapes for the scheduler.
//
// Knows: how a LaunchAttempt becomes an AttemptOrder, and a planned rank a WorkerShape.
// Unaware of: how an order travels and who executes it.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "gradus/attempt.h"
#include "gradus/graph.h"
#include "gradus/placement.h"
#include "gradus/scheduler.h"

namespace gradus {

/// Where each worker is, for the host files of steps with `nodes`.
struct WorkerHost {
  std::string host;
  std::uint32_t slots = 0;
};
using WorkerHosts = std::unordered_map<WorkerId, WorkerHost>;
WorkerHosts worker_hosts(const Plan& plan);

/// The order for one launch. Texts are copied: the order may outlive the graph.
AttemptOrder make_order(const Graph& graph, const LaunchAttempt& launch, const WorkerHosts& hosts);

/// What the scheduler knows of every rank that has slots. GPUs with equal identity on a node get equal
/// numbers, so that a GPU that two slots share counts once.
std::vector<std::pair<WorkerId, WorkerShape>> worker_shapes(const Plan& plan);

/// The facts with which a run begins: every worker joins, the last one with `more_follow` false.
std::vector<Fact> joining_facts(const Plan& plan);

/// A step's command on one line: the words of an argv with a space between.
std::string command_line(const Graph& graph, StepIndex step);

/// The texts of a list in which each is followed by '\0'.
std::vector<std::string> split_zero_terminated(std::string_view list);

}  // namespace gradus
