#include "gradus/durations.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

TEST(CommandShape, is_the_same_for_commands_that_differ_in_numbers_and_files) {
  const auto shape = command_shape("MotionCor2 -InMrc raw/m17.mrc -OutMrc a17.mrc -Gpu %(GPU)s -Patch 5 5");
  EXPECT_EQ(shape, command_shape("MotionCor2  -InMrc /other/place/x.mrc -OutMrc b.mrc -Gpu %(GPU)s -Patch 7 7"));
  EXPECT_EQ(command_shape("sleep 5"), command_shape("sleep 12"));
  EXPECT_EQ(command_shape(std::string_view("a\0b1\0", 5)), command_shape("a b2"));
}

TEST(CommandShape, differs_for_other_programs_options_and_kinds_of_file) {
  const auto shape = command_shape("relion_refine --i x.star --gpu 0");
  EXPECT_NE(shape, command_shape("relion_run_motioncorr --i x.star --gpu 0"));
  EXPECT_NE(shape, command_shape("relion_refine --i x.star --cpu 0"));
  EXPECT_NE(shape, command_shape("relion_refine --i x.mrcs --gpu 0"));
}

TEST(DurationModel, knows_nothing_before_it_has_seen_something) {
  const DurationModel model;
  EXPECT_LT(model.mean_s(1), 0);
  EXPECT_LT(model.cautious_s(1), 0);
  EXPECT_LT(model.overall_mean_s(), 0);
}

TEST(DurationModel, learns_each_shape_by_itself) {
  DurationModel model;
  model.observe(1, 10);
  model.observe(2, 1000);
  model.observe(1, 20);
  EXPECT_DOUBLE_EQ(model.mean_s(1), 15);
  EXPECT_DOUBLE_EQ(model.mean_s(2), 1000);
  EXPECT_NEAR(model.overall_mean_s(), 1030.0 / 3, 1e-9);
}

TEST(DurationModel, is_cautious_by_the_longest_and_the_spread) {
  DurationModel model;
  model.observe(1, 10);
  EXPECT_DOUBLE_EQ(model.cautious_s(1), 20);
  for (int i = 0; i < 99; ++i) model.observe(1, 10);
  EXPECT_DOUBLE_EQ(model.cautious_s(1), 10);
  model.observe(1, 50);
  EXPECT_DOUBLE_EQ(model.cautious_s(1), 50);
}

TEST(DurationModel, before_a_limit_the_larger_of_the_cost_and_what_was_seen_counts) {
  DurationModel model;
  EXPECT_DOUBLE_EQ(model.needed_s(1, -1), 0);
  EXPECT_DOUBLE_EQ(model.needed_s(1, 5), 5);
  model.observe(1, 10);
  EXPECT_DOUBLE_EQ(model.needed_s(1, 5), 20);
  EXPECT_DOUBLE_EQ(model.needed_s(1, 40), 40) << "a long one among short ones of its shape";
}

}  // namespace
}  // namespace gradus
