#include "core/order.h"

#include <gmock/gmock.h>

#include "core/shell_values.h"
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
  const auto order = make_order(*graph, {1, 4, 0, {0, 1}, {{0, 0}, {1, 0}}, {}, false, 3}, {});
  EXPECT_EQ(order.id, "b");
  EXPECT_EQ(order.attempt, 4U);
  EXPECT_EQ(order.number, 1U) << "three never began";
  EXPECT_EQ(order.command, std::string("y\0z\0", 4));
  EXPECT_TRUE(order.is_argv);
  EXPECT_TRUE(order.mask_gpus);
  EXPECT_EQ(order.cpus, 3U);
  EXPECT_EQ(order.timeout_s, 5);
  EXPECT_THAT(order.awaited, ElementsAre("work/out", "/abs"));
}

TEST(Order, looks_for_what_was_made_before_a_barrier) {
  std::string text = "#GRADUS --creates first\nmake\n#GRADUS default\n";
  for (int i = 0; i < 31; ++i) text += "#GRADUS --creates out." + std::to_string(i) + "\nmake\n#GRADUS default\n";
  const auto parse = [](const std::string& lines) {
    return parse_steps("f", std::make_shared<const std::string>(lines), StepsFormat::text, nullptr).graph;
  };
  const auto of_last = [](const Graph& graph) {
    return make_order(graph, {static_cast<StepIndex>(graph.step_count() - 1), 1, 0, {0}, {}}, {}).awaited;
  };
  const auto all = of_last(*parse(text + "#GRADUS barrier\nuse\n"));
  EXPECT_EQ(all.size(), 32U);
  EXPECT_EQ(all.front(), "first");
  // Of more only the last 32.
  const auto some = of_last(*parse(text + "make\n#GRADUS barrier\nuse\n"));
  EXPECT_EQ(some.size(), 31U);
  EXPECT_EQ(some.front(), "out.0");
  EXPECT_TRUE(of_last(*parse(text + "#GRADUS barrier=ended\nuse\n")).empty()) << "it may never have been made";
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

TEST(Capacity, notes_gpus_of_a_slot_that_steps_leave_idle) {
  const auto notes_of = [](const std::string& step, const WorkerShape& shape) {
    std::vector<std::string> notes;
    note_spare_gpus(*graph_of(step), {{1, shape}}, notes);
    return notes;
  };
  const WorkerShape pairs{0, {{{0, 1}, {0}}, {{2, 3}, {1}}}};
  EXPECT_THAT(
      notes_of(R"({"command":"x","gpus":1})", pairs),
      ElementsAre(
          "step 1 takes a GPU of the 2 of its slot: 1 idles meanwhile; more slots (--threads) have fewer each"));
  EXPECT_THAT(notes_of(R"({"command":"x","gpus":3})", pairs),
              ElementsAre(testing::HasSubstr("takes 3 GPUs of the 4 of its slots: 1 idles")));
  EXPECT_TRUE(notes_of(R"({"command":"x","gpus":1,"cpus":2})", pairs).empty()) << "it needs both for their cores";
  EXPECT_TRUE(notes_of(R"({"command":"x","gpus":2})", pairs).empty());
  EXPECT_TRUE(notes_of(R"({"command":"x %(GPU)s"})", pairs).empty()) << "it has both";
}

TEST(ShellValues, that_a_shell_would_read_into_are_mistakes_before_anything_starts) {
  const auto graph = graph_of(R"({"command":"x >%(RUN_DIR)s/x"})"
                              "\n"
                              R"({"command":"x >%(RUN_DIR)s/y"})"
                              "\n"
                              R"({"argv":["x","%(RUN_DIR)s"]})"
                              "\n"
                              R"({"command":"x %(GPU_ENV)s"})");
  auto plan = plan_with({{"A"}}, 0);
  EXPECT_TRUE(check_shell_values(*graph, plan, "/data/run").empty());
  const auto mistakes = check_shell_values(*graph, plan, "/my data/run");
  ASSERT_EQ(mistakes.size(), 1U) << "one for each mark; words reach no shell";
  EXPECT_EQ(mistakes[0].line, 1U);
  EXPECT_EQ(
      mistakes[0].message,
      "step 1: %(RUN_DIR)s is '/my data/run', which must not stand in a shell line: use \"$GRADUS_RUN_DIR\" instead");
  plan.ranks[0].slots[0].gpus[0].token = "$(reboot)";
  EXPECT_THAT(check_shell_values(*graph, plan, "/data/run").at(0).message, testing::HasSubstr("step 4: %(GPU_ENV)s"));
}

}  // namespace
}  // namespace gradus
