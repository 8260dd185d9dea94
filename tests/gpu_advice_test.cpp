#include "run/gpu_advice.h"

#include <gmock/gmock.h>

#include <limits>

namespace gradus {
namespace {

using testing::HasSubstr;

/// `slots` GPU slots in each of `ranks` ranks of one node that has `gpus` GPUs, dealt out as placement does it.
Plan plan_of(std::uint32_t ranks, std::uint32_t slots, std::uint32_t gpus) {
  Plan plan;
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    auto& planned = plan.ranks.emplace_back();
    planned.rank = rank;
    for (std::uint32_t i = 0; i < slots; ++i) {
      auto& slot = planned.slots.emplace_back();
      for (const auto gpu : entries_of_slot(gpus, ranks * slots, rank * slots + i, GpuSharing::shared)) {
        slot.gpus.push_back({"", "", "GPU-" + std::to_string(gpu), "", ""});
      }
    }
  }
  return plan;
}

GpuUseOfRun use_of(float busy, std::uint32_t memory_mib, std::uint32_t samples = 30) {
  GpuUseOfRun use;
  use.ended({samples, busy, memory_mib, 81559}, 100);
  return use;
}

SlotLayout alone() {
  SlotLayout layout;
  layout.master_is_a_thread = true;
  return layout;
}

TEST(GpuAdvice, is_two_per_gpu_and_the_threads_for_it_where_time_and_memory_allow_it) {
  const auto use = use_of(0.34F, 5325);
  EXPECT_EQ(use.text(), "GPU steps kept their GPU 34 % busy, at most 5.2 GiB of its memory");
  EXPECT_EQ(use.advice(plan_of(1, 4, 4), alone()), "two per GPU may pay (--threads 9)");
  EXPECT_EQ(use.advice(plan_of(2, 2, 4), {}), "two per GPU may pay (--threads 4)");
}

TEST(GpuAdvice, is_none_where_gpus_are_busy_or_memory_would_not_do_or_little_was_seen) {
  const auto plan = plan_of(1, 4, 4);
  EXPECT_EQ(use_of(0.51F, 5325).advice(plan, alone()), "");
  EXPECT_EQ(use_of(0.34F, 40000).advice(plan, alone()), "");
  EXPECT_EQ(use_of(0.34F, 0).advice(plan, alone()), "") << "its memory is not known";
  EXPECT_EQ(use_of(0.34F, 5325, 19).advice(plan, alone()), "");
}

TEST(GpuAdvice, counts_that_what_is_seen_on_a_shared_gpu_is_of_all_who_share_it) {
  const auto plan = plan_of(1, 8, 4);
  EXPECT_EQ(use_of(0.6F, 30000).advice(plan, alone()), "three per GPU may pay (--threads 13)");
  EXPECT_EQ(use_of(0.7F, 30000).advice(plan, alone()), "");
  EXPECT_EQ(use_of(0.6F, 60000).advice(plan, alone()), "");
}

TEST(GpuAdvice, names_the_option_for_the_case) {
  auto layout = alone();
  layout.exclusive = true;
  EXPECT_EQ(use_of(0.1F, 100).advice(plan_of(1, 4, 4), layout),
            "two per GPU may pay (--gpu-sharing shared --threads 9)");
  layout = alone();
  layout.list_says_who_shares = true;
  EXPECT_EQ(use_of(0.1F, 100).advice(plan_of(1, 8, 4), layout),
            "three per GPU may pay (--threads 13, and each GPU 3 times in --gpus)");
}

TEST(GpuAdvice, is_none_for_steps_or_slots_of_several_gpus) {
  EXPECT_EQ(use_of(0.1F, 100).advice(plan_of(1, 2, 4), alone()), "");
  auto use = use_of(0.1F, 100);
  LaunchAttempt launch;
  launch.gpus = {{0, 0}, {1, 0}};
  use.launched(launch);
  EXPECT_EQ(use.advice(plan_of(1, 4, 4), alone()), "");
  EXPECT_THAT(use.text(), HasSubstr("kept their GPUs 10 % busy"));
}

TEST(GpuAdvice, weighs_attempts_by_their_time_and_fears_for_the_smallest_gpu) {
  GpuUseOfRun use;
  use.ended({3, 0.1F, 7000, 16000}, 300);
  use.ended({50, 0.9F, 100, 81559}, 100);
  use.ended({}, 1000);
  use.ended({5, std::numeric_limits<float>::quiet_NaN(), 100, 100}, 100);
  EXPECT_EQ(use.attempts(), 2U);
  EXPECT_EQ(use.samples(), 53U);
  EXPECT_NEAR(use.busy(), 0.3, 1e-6);
  EXPECT_EQ(use.total_mib(), 16000U);
  EXPECT_NE(use.advice(plan_of(1, 4, 4), alone()), "");
  use.ended({1, 0.1F, 7500, 0}, 1);
  EXPECT_EQ(use.advice(plan_of(1, 4, 4), alone()), "");
}

TEST(GpuAdvice, is_not_spoilt_by_what_a_clock_or_another_rank_says_of_time) {
  GpuUseOfRun use;
  for (const double held_s :
       {0.0, -5.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    use.ended({10, 0.5F, 100, 16000}, held_s);
  EXPECT_NEAR(use.busy(), 0.5, 1e-6);
  use.ended({10, 0.1F, 100, 16000}, 1e6);
  EXPECT_NEAR(use.busy(), 0.1, 1e-6);
}

TEST(GpuAdvice, tells_of_memory_alone_where_no_utilisation_is_known) {
  GpuUseOfRun use;
  EXPECT_FALSE(use.is_known());
  use.ended({0, 0, 2048, 9856}, 10);
  EXPECT_TRUE(use.is_known());
  EXPECT_EQ(use.text(), "GPU steps had at most 2.0 GiB of a GPU's memory in use");
}

}  // namespace
}  // namespace gradus
