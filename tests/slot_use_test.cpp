#include "run/slot_use.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

/// Two ranks on one node, a GPU slot and a slot without GPU each.
Plan two_ranks_on_a_node() {
  Plan plan;
  plan.ranks.resize(2);
  for (auto& rank : plan.ranks) {
    rank.host = "n1";
    rank.slots.resize(2);
    rank.slots[0].gpus.push_back({"0", "0", "GPU-0", "", ""});
  }
  return plan;
}

TEST(SlotUse, adds_up_the_ranks_of_a_node) {
  const auto plan = two_ranks_on_a_node();
  SlotUse use(plan);
  use.joined(0, 0);
  use.joined(1, 5);
  use.launched({7, 1, 1, {0, 1}, {}}, 6);
  EXPECT_EQ(use.freed(7, 1, 1, 8), 2);
  const auto nodes = use.by_node(10);
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].gpu.slots, 2U);
  EXPECT_EQ(nodes[0].gpu.available_s, 15);
  EXPECT_EQ(nodes[0].gpu.busy_s, 2);
  EXPECT_EQ(nodes[0].cpu.busy_s, 2);
  EXPECT_DOUBLE_EQ(nodes[0].gpu.busy_share(), 2.0 / 15);
}

TEST(SlotUse, an_attempt_is_freed_once_and_only_as_what_it_is) {
  const auto plan = two_ranks_on_a_node();
  SlotUse use(plan);
  use.launched({7, 2, 1, {0}, {}}, 0);
  EXPECT_LT(use.freed(7, 1, 1, 3), 0);
  EXPECT_LT(use.freed(7, 2, 0, 3), 0);
  EXPECT_LT(use.freed(8, 2, 1, 3), 0);
  EXPECT_EQ(use.freed(7, 2, 1, 3), 3);
  EXPECT_LT(use.freed(7, 2, 1, 3), 0);
}

TEST(SlotUse, a_worker_that_joins_twice_or_that_nobody_planned_changes_nothing) {
  const auto plan = two_ranks_on_a_node();
  SlotUse use(plan);
  use.joined(0, 0);
  use.joined(0, 5);
  use.joined(99, 0);
  use.lost(1, 3);
  const auto nodes = use.by_node(10);
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].gpu.available_s, 10);
}

TEST(SlotUse, a_node_without_such_slots_is_idle_and_not_infinitely_busy) { EXPECT_EQ(SlotSeconds{}.busy_share(), 0); }

}  // namespace
}  // namespace gradus
