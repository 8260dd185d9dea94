#include "sim/node_sweep.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gradus {
namespace {

/// 600 s of work in steps of which the longest chain takes 40 s, one slot a node.
Prediction perfect(std::uint32_t nodes) {
  Prediction p;
  p.nodes = nodes;
  p.slots.gpu = nodes;
  p.counts.succeeded = 1000;
  p.bound.path_s = 40;
  p.bound.work_s = 600.0 / nodes;
  p.makespan_s = p.bound.seconds();
  return p;
}

TEST(NodeSweep, finds_the_fewest_nodes_within_five_percent_of_the_best) {
  const auto sweep = sweep_nodes(perfect, 1 << 20);
  EXPECT_EQ(sweep.enough_nodes, 15U);  // 600 / 15 = 40; 600 / 14 = 42.9 is more than 1.05 × 40
  EXPECT_EQ(sweep.best_nodes, 15U);
  EXPECT_EQ(sweep.worthwhile_nodes, 16U);  // 75 → 40 is 1.9
  EXPECT_FALSE(sweep.by_nodes.contains(32)) << "the longest chain decides: more cannot help";
}

TEST(NodeSweep, stops_when_there_are_more_slots_than_steps) {
  const auto sweep = sweep_nodes(
      [](std::uint32_t nodes) {
        auto p = perfect(nodes);
        p.counts.succeeded = 6;
        p.makespan_s = 600.0 / std::min(nodes, 6U);
        return p;
      },
      1 << 20);
  EXPECT_EQ(sweep.by_nodes.rbegin()->first, 8U);
  EXPECT_EQ(sweep.enough_nodes, 6U);
}

TEST(NodeSweep, skips_counts_on_which_the_steps_do_not_fit) {
  const auto sweep = sweep_nodes(
      [](std::uint32_t nodes) { return nodes < 3 ? std::nullopt : std::optional(perfect(std::max(nodes, 16U))); },
      1 << 20);
  EXPECT_EQ(sweep.enough_nodes, 3U);
}

TEST(NodeSweep, is_empty_when_the_steps_fit_nowhere) {
  const auto sweep = sweep_nodes([](std::uint32_t) { return std::optional<Prediction>(); }, 64);
  EXPECT_TRUE(sweep.by_nodes.empty());
  EXPECT_EQ(sweep.enough_nodes, 0U);
}

}  // namespace
}  // namespace gradus
