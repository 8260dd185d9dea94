// From the graph and the plan to what workers need: orders for slots, shapes for the scheduler.
//
// Knows: how a LaunchAttempt becomes an AttemptOrder, and a planned rank a WorkerShape.
// Unaware of: how an order travels and who executes it.
#pragma once

#include <vector>

#include "gradus/attempt.h"
#include "gradus/graph.h"
#include "gradus/placement.h"
#include "gradus/scheduler.h"

namespace gradus {

/// The order for one launch. Texts are copied: the order may outlive the graph.
AttemptOrder make_order(const Graph& graph, const LaunchAttempt& launch);

/// What the scheduler knows of every rank that has slots. GPUs with equal identity on a node get equal
/// numbers, so that a GPU that two slots share counts once.
std::vector<std::pair<WorkerId, WorkerShape>> worker_shapes(const Plan& plan);

/// The facts with which a run begins: every worker joins, the last one with `more_follow` false.
std::vector<Fact> joining_facts(const Plan& plan);

/// The texts of a list in which each is followed by '\0'.
std::vector<std::string> split_zero_terminated(std::string_view list);

}  // namespace gradus
