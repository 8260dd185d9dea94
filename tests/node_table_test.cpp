#include "report/node_table.h"

#include <gtest/gtest.h>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

TEST(NodeTable, is_made_with_the_durations_that_were_seen_and_not_with_costs) {
  TestJournal journal(support::graph("a cost=1000; b cost=1000; c cost=1000; d cost=1000"));
  journal.life(0).worker(0, "h1", "0").worker(1, "h2", "0");
  for (std::uint32_t step = 1; step <= 4; ++step) journal.ran(step, 0, 10.0 * step, 10.0 * step + 10);
  journal.over(50);
  const RunStory story(journal.chronicle(), journal.graph());
  const auto table = node_table_of(story, journal.shared_graph(), 1000);
  EXPECT_EQ(table.this_run, 2U);
  EXPECT_NEAR(table.sweep.by_nodes.at(1).makespan_s, 40, 0.1);
  EXPECT_NEAR(table.sweep.by_nodes.at(2).makespan_s, 20, 0.1);
  EXPECT_NEAR(table.sweep.by_nodes.at(4).makespan_s, 10, 0.1);
}

TEST(NodeTable, has_nodes_like_those_of_the_run_in_turn) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "0").worker(1, "h2", "0 1").over(1);
  const auto workers = workers_like(journal.chronicle().lives().back(), 5);
  ASSERT_EQ(workers.size(), 5U);
  EXPECT_EQ(workers[0].second.slots.size(), 1U);
  EXPECT_EQ(workers[3].second.slots.size(), 2U);
  EXPECT_EQ(workers[3].second.node, 3U);
}

TEST(NodeTable, says_why_it_is_empty) {
  TestJournal journal(support::graph("a; b"));
  journal.life(0).worker(0, "h1", "0").ran(1, 0, 0, 1, "exit_code").over(1, 1);
  const RunStory story(journal.chronicle(), journal.graph());
  EXPECT_TRUE(node_table_of(story, journal.shared_graph(), 1000).sweep.by_nodes.empty());
  EXPECT_STRNE(node_table_of(story, journal.shared_graph(), 1000).why_not, "");
  EXPECT_STRNE(node_table_of(story, nullptr, 1000).why_not, "");
}

}  // namespace
}  // namespace gradus
