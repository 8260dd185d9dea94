#include "core/by_step.h"

#include <gtest/gtest.h>

#include <map>

#include "support/builders.h"

namespace gradus {
namespace {

TEST(ByStep, is_a_map_from_steps) {
  support::Dice dice(1);
  ByStep<int> values;
  std::map<StepIndex, int> expected;
  values.make_room(50);
  for (int round = 0; round < 5000; ++round) {
    const auto step = dice.between(0, 49);
    if (dice.chance(0.5)) {
      values[step] = round;
      expected[step] = round;
    } else {
      values.erase(step);
      expected.erase(step);
    }
    ASSERT_EQ(values.contains(step), expected.contains(step));
    ASSERT_EQ((std::map<StepIndex, int>(values.begin(), values.end())), expected);
    for (const auto& [known, value] : expected) ASSERT_EQ(values.find(known)->second, value);
  }
}

TEST(ByStep, finds_nothing_for_a_step_that_does_not_exist) {
  ByStep<int> values;
  values.make_room(2);
  values[1] = 7;
  EXPECT_EQ(values.find(no_step), values.end());
  EXPECT_EQ(values.find(0), values.end());
  EXPECT_FALSE(values.empty());
}

}  // namespace
}  // namespace gradus
