#include "sim/equal_nodes.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

PlacementOptions under_mpi() {
  PlacementOptions options;
  options.alone = false;
  return options;
}

TEST(EqualNodes, get_one_slot_for_each_gpu_and_a_master_beside_them) {
  const auto plan = make_plan(reports_of({3, 1, 4, 8, false}), under_mpi());
  ASSERT_TRUE(plan.mistakes.empty());
  ASSERT_EQ(plan.ranks.size(), 4U);
  EXPECT_TRUE(plan.ranks[0].slots.empty());
  EXPECT_EQ(plan.ranks[3].node, 2U);
  ASSERT_EQ(plan.ranks[3].slots.size(), 4U);
  EXPECT_EQ(plan.ranks[3].slots[3].gpus.front().position, "3");
  EXPECT_EQ(plan.ranks[3].slots[3].cores, (std::vector<std::uint32_t>{6, 7}));
}

TEST(EqualNodes, share_gpus_and_cores_out_to_the_ranks_of_a_node) {
  const auto plan = make_plan(reports_of({2, 2, 4, 4, true}), under_mpi());
  ASSERT_EQ(plan.ranks.size(), 4U);
  ASSERT_EQ(plan.ranks[1].slots.size(), 2U);
  EXPECT_EQ(plan.ranks[1].node, 0U);
  EXPECT_EQ(plan.ranks[1].slots[0].gpus.front().position, "2");
  EXPECT_EQ(plan.ranks[1].slots[0].cores, std::vector<std::uint32_t>{2});
}

}  // namespace
}  // namespace gradus
