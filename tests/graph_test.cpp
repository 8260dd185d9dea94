#include "gradus/graph.h"

#include <gmock/gmock.h>

#include <random>

#include "gradus/steps_file.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// `id: needs; …` as a graph; mistakes without their file.
struct Built {
  std::shared_ptr<const Graph> graph;
  std::vector<std::string> mistakes;
};
Built built(const std::vector<std::pair<std::string, std::vector<std::string>>>& steps) {
  GraphBuilder builder("f");
  std::uint32_t line = 0;
  for (const auto& [id, needed] : steps) {
    Step step;
    step.id = builder.store(id);
    step.command = "x";
    step.line = ++line;
    step.options = builder.intern({});
    const auto index = builder.add(step);
    for (const auto& one : needed) builder.need(index, builder.store(one), line, 7);
  }
  Built result;
  Diagnostics mistakes;
  result.graph = builder.build(mistakes);
  for (const auto& one : mistakes) result.mistakes.push_back(to_string(one));
  return result;
}

TEST(Graph, joins_needs_and_dependents_and_drops_repeats) {
  const auto graph = built({{"a", {}}, {"b", {"a", "a"}}, {"c", {"a", "b"}}}).graph;
  EXPECT_THAT(graph->needs(1), ElementsAre(0));
  EXPECT_THAT(graph->needs(2), ElementsAre(0, 1));
  EXPECT_THAT(graph->dependents(0), ElementsAre(1, 2));
  EXPECT_EQ(graph->find("b"), 1U);
  EXPECT_EQ(graph->find("2"), no_step);
}

TEST(Graph, rows_are_in_order_whatever_the_order_in_which_needs_were_named) {
  const auto graph = built({{"a", {}}, {"b", {}}, {"c", {"b", "a", "b"}}, {"d", {"c", "a"}}, {"e", {"b"}}}).graph;
  EXPECT_THAT(graph->needs(2), ElementsAre(0, 1));
  EXPECT_THAT(graph->needs(3), ElementsAre(0, 2));
  EXPECT_THAT(graph->dependents(0), ElementsAre(2, 3));
  EXPECT_THAT(graph->dependents(1), ElementsAre(2, 4));
}

TEST(Graph, finds_each_of_many_ids_and_no_other) {
  std::vector<std::pair<std::string, std::vector<std::string>>> steps;
  for (int i = 0; i < 20000; ++i) steps.push_back({i % 3 == 0 ? "" : "s" + std::to_string(i), {}});
  const auto graph = built(steps).graph;
  for (StepIndex step = 0; step < steps.size(); ++step) {
    ASSERT_EQ(graph->find(graph->name(step)), step);
    ASSERT_EQ(graph->find("t" + std::to_string(step)), no_step);
  }
}

TEST(Graph, tells_unknown_self_and_duplicate_needs_all_at_once) {
  EXPECT_THAT(built({{"align", {}}, {"sum", {"aling"}}, {"self", {"self"}}, {"align", {}}}).mistakes,
              ElementsAre(HasSubstr("f:4: the id 'align' was given before, in line 1"),
                          HasSubstr("f:2:7: step sum needs 'aling', which is no step: did you mean 'align'?"),
                          HasSubstr("f:3:7: step self needs itself")));
}

TEST(Graph, takes_an_id_that_is_another_steps_number_for_a_duplicate) {
  EXPECT_THAT(built({{"2", {}}, {"", {}}}).mistakes, ElementsAre(HasSubstr("also the number of the step in line 2")));
  EXPECT_THAT(built({{"1", {}}, {"", {}}}).mistakes, testing::IsEmpty());
}

TEST(Graph, shows_every_cycle_once) {
  EXPECT_THAT(built({{"a", {"b"}}, {"b", {"a"}}, {"c", {"b"}}, {"d", {"f"}}, {"e", {"d"}}, {"f", {"e"}}}).mistakes,
              ElementsAre(HasSubstr("f:1: these steps need each other: a -> b -> a"),
                          HasSubstr("f:4: these steps need each other: d -> f -> e -> d")));
}

TEST(Graph, shows_a_cycle_that_leans_on_another_one_too) {
  EXPECT_THAT(built({{"a", {"b"}}, {"b", {"a"}}, {"c", {"b", "d"}}, {"d", {"c"}}, {"e", {"c"}}}).mistakes,
              ElementsAre(HasSubstr(": a -> b -> a"), HasSubstr(": c -> d -> c")));
}

TEST(Graph, shows_one_shortest_cycle_of_steps_that_are_tangled_in_several) {
  EXPECT_THAT(built({{"a", {"b", "d"}}, {"b", {"c"}}, {"c", {"a"}}, {"d", {"a"}}}).mistakes,
              ElementsAre(HasSubstr("f:1: these steps need each other: a -> d -> a")));
}

TEST(Graph, shows_as_many_cycles_as_there_are_tangles_in_random_graphs) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const std::size_t nodes = 2 + random() % 8;
    std::vector<std::pair<std::string, std::vector<std::string>>> steps(nodes);
    std::vector<std::vector<bool>> leads(nodes, std::vector<bool>(nodes, false));
    for (std::size_t i = 0; i < nodes; ++i) steps[i].first = "s" + std::to_string(i);
    for (std::size_t edges = random() % (2 * nodes); edges > 0; --edges) {
      const std::size_t from = random() % nodes, to = random() % nodes;
      if (from == to) continue;
      steps[from].second.push_back(steps[to].first);
      leads[from][to] = true;
    }
    for (std::size_t k = 0; k < nodes; ++k)
      for (std::size_t i = 0; i < nodes; ++i)
        for (std::size_t j = 0; j < nodes; ++j) leads[i][j] = leads[i][j] || (leads[i][k] && leads[k][j]);
    std::size_t tangles = 0;  // counted by their smallest node
    for (std::size_t i = 0; i < nodes; ++i) {
      bool is_smallest = leads[i][i];
      for (std::size_t j = 0; j < i; ++j) is_smallest = is_smallest && !(leads[i][j] && leads[j][i]);
      tangles += is_smallest ? 1 : 0;
    }
    EXPECT_EQ(built(steps).mistakes.size(), tangles);
    EXPECT_EQ(built(steps).graph == nullptr, tangles > 0);
  }
}

TEST(Graph, is_not_defeated_by_a_long_chain_or_a_long_cycle) {
  std::vector<std::pair<std::string, std::vector<std::string>>> steps;
  for (int i = 0; i < 200000; ++i) steps.push_back({"s" + std::to_string(i), {}});
  for (int i = 1; i < 200000; ++i) steps[static_cast<std::size_t>(i)].second = {"s" + std::to_string(i - 1)};
  EXPECT_EQ(built(steps).graph->longest_path_s(0), 200000);
  steps[0].second = {"s199999"};
  EXPECT_THAT(built(steps).mistakes, ElementsAre(HasSubstr("more ...")));
}

TEST(Graph, measures_the_longest_path_by_costs_and_their_mean) {
  const auto file =
      parse_steps("f",
                  std::make_shared<const std::string>("{\"command\":\"a\",\"cost\":10}\n{\"command\":\"b\",\"needs\":["
                                                      "1],\"cost\":2}\n{\"command\":\"c\",\"needs\":[2]}\n"),
                  StepsFormat::json_lines, nullptr);
  EXPECT_DOUBLE_EQ(file.graph->expected_s(2), 6);
  EXPECT_FLOAT_EQ(file.graph->longest_path_s(0), 18);
}

std::shared_ptr<const Graph> lines(const std::string& text) {
  return parse_steps("f", std::make_shared<const std::string>(text), StepsFormat::text, nullptr).graph;
}

TEST(Graph, makes_a_barrier_that_needs_success_look_across_one_that_does_not) {
  const auto graph = lines("a\n#GRADUS barrier=ended\nb\n#GRADUS barrier\nc\n");
  // 3: the ended barrier, 4: its companion, 5: the second barrier.
  ASSERT_EQ(graph->node_count(), 6U);
  EXPECT_EQ(graph->barrier_kind(3), BarrierKind::ended);
  EXPECT_EQ(graph->barrier_kind(4), BarrierKind::succeeded);
  EXPECT_THAT(graph->needs(1), ElementsAre(3));
  EXPECT_THAT(graph->needs(2), ElementsAre(5));
  EXPECT_THAT(graph->needs(5), ElementsAre(1, 4));
}

TEST(Graph, has_as_many_edges_at_a_barrier_as_there_are_steps_on_both_sides) {
  const auto graph = lines("a\nb\nc\n#GRADUS barrier\nd\ne\n");
  ASSERT_EQ(graph->node_count(), 6U);
  EXPECT_THAT(graph->needs(5), ElementsAre(0, 1, 2));
  EXPECT_THAT(graph->dependents(5), ElementsAre(3, 4));
  EXPECT_THAT(graph->dependents(0), ElementsAre(5));
  EXPECT_FLOAT_EQ(graph->longest_path_s(0), 2);  // the barrier takes no time
}

TEST(Graph, makes_an_ended_barrier_wait_for_all_above_an_earlier_barrier_too) {
  const auto graph = lines("a\n#GRADUS barrier=ended\nb\n#GRADUS barrier=ended\nc\n");
  // 3 and 5: the barriers, 4 and 6: their companions.
  ASSERT_EQ(graph->node_count(), 7U);
  EXPECT_THAT(graph->needs(5), ElementsAre(1, 3));
  EXPECT_THAT(graph->needs(2), ElementsAre(5));
  EXPECT_EQ(graph->barrier_count(), 2U);
  EXPECT_EQ(lines("a\n#GRADUS barrier\nb\n")->barrier_count(), 1U);
}

TEST(Graph, finds_a_cycle_through_a_barrier) {
  const auto file = parse_steps(
      "f", std::make_shared<const std::string>("#GRADUS --needs 2\na\n#GRADUS default\n#GRADUS barrier\nb\n"),
      StepsFormat::text, nullptr);
  ASSERT_EQ(file.mistakes.size(), 1U);
  EXPECT_THAT(file.mistakes[0].message, HasSubstr("1 -> 2 -> barrier 1 -> 1"));
}

}  // namespace
}  // namespace gradus
