#include "core/order.h"

#include <gmock/gmock.h>

#include "gradus/steps_file.h"

namespace gradus {
namespace {

using testing::ElementsAre;

std::shared_ptr<const Graph> graph_of(const std::string& lines) {
  return parse_steps("f", std::make_shared<const std::string>(lines), StepsFormat::json_lines, nullptr).graph;
}

TEST(Order, carries_what_a_slot_needs_and_the_outputs_of_its_prerequisites) {
  const auto graph = graph_of(R"({"id":"a","command":"x","creates":["out","/abs"],"cwd":"work"})"
                              "\n"
                              R"({"id":"b","argv":["y","z"],"needs":["a"],"gpus":2,"cpus":3,"timeout":5})");
  const auto order = make_order(*graph, {1, 4, 0, {0, 1}, {{0, 0}, {1, 0}}}, {});
  EXPECT_EQ(order.id, "b");
  EXPECT_EQ(order.attempt, 4U);
  EXPECT_EQ(order.command, std::string("y\0z\0", 4));
  EXPECT_TRUE(order.is_argv);
  EXPECT_TRUE(order.mask_gpus);
  EXPECT_EQ(order.cpus, 3U);
  EXPECT_EQ(order.timeout_s, 5);
  EXPECT_THAT(order.awaited, ElementsAre("work/out", "/abs"));
}

TEST(Order, names_the_hosts_of_a_step_over_nodes_with_all_slots_of_each) {
  const auto graph = graph_of(R"({"command":"x","nodes":2})");
  const WorkerHosts hosts{{0, {"h1", 2}}, {1, {"h1", 1}}, {2, {"h2", 4}}};
  LaunchAttempt launch{0, 1, 0, {0, 1}, {}};
  launch.with = {1, 2};
  EXPECT_THAT(make_order(*graph, launch, hosts).hosts, ElementsAre(testing::Pair("h1", 3U), testing::Pair("h2", 4U)));
}

TEST(Order, does_not_mask_a_step_that_is_told_by_a_mark) {
  const auto graph = graph_of(R"({"command":"x %(GPU)s","gpus":1})");
  EXPECT_FALSE(make_order(*graph, {0, 1, 0, {0}, {{0, 0}}}, {}).mask_gpus);
}

Plan plan_with(const std::vector<std::vector<std::string>>& gpus_by_rank, std::uint32_t node_of_second) {
  Plan plan;
  for (std::uint32_t r = 0; r < gpus_by_rank.size(); ++r) {
    PlannedRank rank;
    rank.rank = r;
    rank.node = r == 0 ? 0 : node_of_second;
    for (const auto& gpu : gpus_by_rank[r]) rank.slots.push_back({0, r, 1, false, {{gpu, gpu, gpu, "", ""}}, {0}});
    plan.ranks.push_back(rank);
  }
  return plan;
}

TEST(WorkerShapes, give_a_gpu_that_slots_share_one_number_on_its_node) {
  const auto same = worker_shapes(plan_with({{"A", "B"}, {"A"}}, 0));
  EXPECT_EQ(same[0].second.slots[0].gpus, same[1].second.slots[0].gpus);
  EXPECT_NE(same[0].second.slots[0].gpus, same[0].second.slots[1].gpus);
  const auto apart = worker_shapes(plan_with({{"A"}, {"A"}}, 1));
  EXPECT_NE(apart[0].second.slots[0].gpus, apart[1].second.slots[0].gpus);
}

TEST(WorkerShapes, leave_out_ranks_without_slots_and_say_when_the_last_has_joined) {
  const auto facts = joining_facts(plan_with({{}, {"A"}, {"B"}}, 1));
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_TRUE(std::get<WorkerJoined>(facts[0]).more_follow);
  EXPECT_FALSE(std::get<WorkerJoined>(facts[1]).more_follow);
  EXPECT_EQ(std::get<WorkerJoined>(facts[1]).worker, 2U);
}

std::string misfit(const std::string& step, const std::vector<std::pair<WorkerId, WorkerShape>>& workers) {
  const auto mistakes = check_capacity(*graph_of(step), workers);
  return mistakes.empty() ? "" : mistakes.front().message;
}

TEST(Capacity, refuses_what_no_worker_can_hold_and_says_what_would_help) {
  const WorkerShape two{0, {{{0}, {0}}, {{1}, {1}}}};
  const WorkerShape other_two{0, {{{2}, {2}}, {{3}, {3}}}};
  EXPECT_EQ(misfit(R"({"command":"x","gpus":2})", {{1, two}}), "");
  EXPECT_THAT(misfit(R"({"command":"x","gpus":3})", {{1, two}}), testing::HasSubstr("more than any worker has"));
  EXPECT_THAT(misfit(R"({"command":"x","gpus":3})", {{1, two}, {2, other_two}}), testing::HasSubstr("fewer ranks"));
  EXPECT_THAT(misfit(R"({"command":"x","cpus":3})", {{1, two}}), testing::HasSubstr("3 cores"));
  EXPECT_EQ(misfit(R"({"command":"x","nodes":2,"gpus":2})", {{1, two}, {2, {1, other_two.slots}}}), "");
  EXPECT_THAT(misfit(R"({"command":"x","nodes":2,"gpus":3})", {{1, two}, {2, {1, other_two.slots}}}),
              testing::HasSubstr("needs 2 nodes with 3 GPUs each, and the run has slots on 0 such nodes"));
  EXPECT_THAT(misfit(R"({"command":"x","nodes":2})", {{1, two}}),
              testing::HasSubstr("1 such node: start it with mpirun"));
  EXPECT_THAT(misfit(R"({"command":"x %(GPU)s"})", {{1, WorkerShape{0, {{{}, {0}}}}}}), testing::HasSubstr("--gpus"));
}

}  // namespace
}  // namespace gradus
