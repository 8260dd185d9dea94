#include "report/shapes.h"

#include <gtest/gtest.h>

#include "gradus/durations.h"
#include "gradus/steps_file.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

std::shared_ptr<const Graph> steps(const std::string& text) {
  return parse_steps("steps.txt", std::make_shared<const std::string>(text), StepsFormat::text,
                     [](std::string_view) { return false; })
      .graph;
}

TEST(Shapes, are_commands_without_what_differs_from_step_to_step) {
  EXPECT_EQ(command_shape_text("align m17.mrc -o out/m17.mrc -k 3"), "align ….mrc -o ….mrc -k N");
  EXPECT_EQ(command_shape_text("/opt/bin/prog2 x"), "/opt/bin/progN x");
  EXPECT_EQ(command_shape_text(""), "");
}

TEST(Shapes, tell_the_durations_of_what_succeeded_and_how_many_failed) {
  TestJournal journal(steps("align m1.mrc\nalign m2.mrc\nalign m3.mrc\nalign m4.mrc\nsum\n"));
  journal.life(0).worker(0, "h1", "-").ran(1, 0, 0, 1).ran(2, 0, 1, 3).ran(3, 0, 3, 13);
  journal.ran(4, 0, 13, 113, "exit_code").ran(5, 0, 113, 114).over(114);
  const RunStory story(journal.chronicle(), journal.graph());
  const auto shapes = shapes_of(story);
  ASSERT_EQ(shapes.size(), 2U);
  EXPECT_EQ(shapes[0].shape, "align ….mrc");
  EXPECT_EQ(shapes[0].count, 4U);
  EXPECT_EQ(shapes[0].failed, 1U);
  EXPECT_NEAR(shapes[0].median_s, 2, 1e-3);
  EXPECT_NEAR(shapes[0].mean_s, 13.0 / 3, 1e-3);
  EXPECT_NEAR(shapes[0].max_s, 10, 1e-3);
  EXPECT_NEAR(shapes[0].total_s, 113, 1e-3);
  EXPECT_EQ(story.name_of(shapes[0].longest), "4");
}

TEST(Shapes, do_not_count_what_was_cancelled) {
  TestJournal journal(steps("align m1.mrc\nalign m2.mrc\n"));
  journal.life(0).worker(0, "h1", "-").ran(1, 0, 0, 1).ran(2, 0, 1, 101, "cancelled").over(101);
  const RunStory story(journal.chronicle(), journal.graph());
  const auto shapes = shapes_of(story);
  ASSERT_EQ(shapes.size(), 1U);
  EXPECT_EQ(shapes[0].count, 1U);
  EXPECT_NEAR(shapes[0].total_s, 1, 1e-3);
}

}  // namespace
}  // namespace gradus
