#include "core/slot_health.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t shape = 7;

void succeed_often(SlotHealth& health, SlotHealth::Slot slot, int times) {
  for (int i = 0; i < times; ++i) health.succeeded(slot, shape);
}
void fail(SlotHealth& health, SlotHealth::Slot slot, std::vector<StepIndex> steps) {
  for (const auto step : steps) health.failed(slot, shape, step, {});
}

TEST(SlotHealth, finds_a_slot_bad_where_steps_fail_in_a_row_that_succeed_elsewhere) {
  SlotHealth health(3);
  succeed_often(health, 1, 10);
  fail(health, 2, {1, 2});
  EXPECT_THAT(health.bad(), IsEmpty());
  fail(health, 2, {3});
  EXPECT_THAT(health.bad(), ElementsAre(2U));
  EXPECT_THAT(health.streak(2), ElementsAre(1U, 2U, 3U));
}

TEST(SlotHealth, wants_successes_elsewhere_and_of_the_same_shape) {
  SlotHealth health(3);
  fail(health, 2, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(health.bad(), IsEmpty());
  for (int i = 0; i < 20; ++i) health.succeeded(1, shape + 1);
  EXPECT_THAT(health.bad(), IsEmpty());
  succeed_often(health, 1, 1);
  EXPECT_THAT(health.bad(), IsEmpty()) << "(1/3)^6 is more than 1/1000";
  succeed_often(health, 1, 1);
  EXPECT_THAT(health.bad(), ElementsAre(2U));
}

TEST(SlotHealth, does_not_blame_a_slot_where_many_fail_anyway) {
  SlotHealth health(3);
  for (StepIndex i = 0; i < 30; ++i) {
    health.succeeded(1, shape);
    if (i % 3 == 0) health.failed(1, shape, 100 + i, {});
  }
  fail(health, 2, {1, 2, 3, 4});
  EXPECT_THAT(health.bad(), IsEmpty());
  fail(health, 2, {5, 6});
  EXPECT_THAT(health.bad(), ElementsAre(2U));
}

TEST(SlotHealth, lacks_evidence_until_enough_steps_have_ended_elsewhere_however_they_ended) {
  SlotHealth health(3);
  fail(health, 2, {1, 2});
  EXPECT_THAT(health.suspects(), IsEmpty());
  fail(health, 2, {3});
  EXPECT_THAT(health.suspects(), ElementsAre(2U));
  EXPECT_THAT(health.streak_shapes(2), ElementsAre(shape));
  EXPECT_TRUE(health.lacks_evidence(2));
  succeed_often(health, 1, 6);
  EXPECT_TRUE(health.lacks_evidence(2)) << "(1/8)^3 is more than 1/1000";
  health.failed(1, shape, 7, {});
  health.failed(1, shape, 8, {});
  health.succeeded(1, shape);
  EXPECT_FALSE(health.lacks_evidence(2));
  EXPECT_THAT(health.bad(), IsEmpty()) << "too many fail elsewhere, too";
}

TEST(SlotHealth, forgets_failures_at_the_first_success) {
  SlotHealth health(3);
  succeed_often(health, 1, 50);
  fail(health, 2, {1, 2});
  health.succeeded(2, shape);
  fail(health, 2, {3, 4});
  EXPECT_THAT(health.bad(), IsEmpty());
}

TEST(SlotHealth, blames_a_step_that_fails_on_several_slots_and_not_the_slots) {
  SlotHealth health(3);
  succeed_often(health, 1, 50);
  fail(health, 2, {1, 2, 3});
  health.failed(3, shape, 2, {2});
  EXPECT_THAT(health.streak(2), ElementsAre(1U, 3U));
  EXPECT_THAT(health.streak(3), IsEmpty());
  EXPECT_THAT(health.bad(), IsEmpty());
  fail(health, 2, {1, 1, 1});  // one step again and again says no more
  EXPECT_THAT(health.bad(), IsEmpty());
}

TEST(SlotHealth, finds_several_bad_slots_though_they_fail_more_often_than_the_good_succeed) {
  SlotHealth health(3);
  succeed_often(health, 1, 10);
  fail(health, 2, {1, 2, 3, 4, 5, 6, 7, 8});
  fail(health, 3, {11, 12, 13, 14, 15, 16, 17});
  EXPECT_THAT(health.bad(), ElementsAre(2U, 3U));
  health.forget(2);
  EXPECT_THAT(health.bad(), ElementsAre(3U));
}

TEST(SlotHealth, blames_nobody_when_all_slots_fail_or_when_it_is_off) {
  SlotHealth health(3), off(0);
  succeed_often(health, 1, 50);
  for (SlotHealth::Slot slot = 1; slot < 4; ++slot) {
    for (StepIndex i = 0; i < 5; ++i) health.failed(slot, shape, static_cast<StepIndex>(slot * 10 + i), {});
  }
  EXPECT_THAT(health.bad(), IsEmpty());
  succeed_often(off, 1, 50);
  fail(off, 2, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(off.bad(), IsEmpty());
}

}  // namespace
}  // namespace gradus
