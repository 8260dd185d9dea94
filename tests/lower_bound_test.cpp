#include "sim/lower_bound.h"

#include <gtest/gtest.h>

#include "support/builders.h"

namespace gradus::support {
namespace {

LowerBound bound_of(const std::string& steps, const std::vector<std::string>& workers) {
  const auto all = graph(steps);
  std::vector<float> seconds;
  for (StepIndex step = 0; step < all->step_count(); ++step) seconds.push_back(all->step(step).cost);
  Machine machine;
  Workers there;
  for (const auto& slots : workers) {
    const auto number = static_cast<WorkerId>(there.size());
    there.emplace_back(number, machine.worker("n" + std::to_string(number), slots));
  }
  return lower_bound(*all, seconds, there);
}

TEST(LowerBound, is_the_work_over_all_slots) {
  const auto bound = bound_of("a cost=4; b cost=4; c cost=4", {"- -", "-"});
  EXPECT_DOUBLE_EQ(bound.work_s, 4);
  EXPECT_DOUBLE_EQ(bound.longest_step_s, 4);
  EXPECT_FALSE(bound.by_gpu_slots);
}

TEST(LowerBound, is_the_longest_chain_also_through_barriers) {
  const auto bound = bound_of("a cost=4; b cost=1; barrier; c cost=5; d after c cost=2", {"- - - -"});
  EXPECT_DOUBLE_EQ(bound.path_s, 11);
  EXPECT_DOUBLE_EQ(bound.longest_step_s, 5);
  EXPECT_DOUBLE_EQ(bound.seconds(), 11);
}

TEST(LowerBound, of_gpu_steps_counts_gpu_slots_only) {
  const auto bound = bound_of("a gpu cost=6; b gpu cost=6; c cost=1", {"0 - - -"});
  EXPECT_DOUBLE_EQ(bound.work_s, 12);
  EXPECT_TRUE(bound.by_gpu_slots);
}

TEST(LowerBound, counts_a_step_with_all_slots_that_it_takes) {
  EXPECT_DOUBLE_EQ(bound_of("a gpus=2 cost=6", {"0 1 2 3"}).work_s, 3);
  EXPECT_DOUBLE_EQ(bound_of("a gpus=2 cost=6", {"0 1 2 3", "0,1 2,3"}).work_s, 1) << "one slot is enough elsewhere";
  EXPECT_DOUBLE_EQ(bound_of("a nodes=2 cost=6", {"0 1", "0 1", "0 1"}).work_s, 4);
}

}  // namespace
}  // namespace gradus::support
