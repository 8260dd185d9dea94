#include "report/run_tail.h"

#include <gtest/gtest.h>

#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

TEST(RunTail, begins_when_the_first_gpu_slot_runs_dry_and_names_who_was_last) {
  TestJournal journal;
  journal.life(0, 4).worker(0, "h1", "0 1 -").ran(1, 0, 0, 4).ran(2, 1, 0, 8).ran(3, 0, 4, 10).over(11);
  const RunStory story(journal.chronicle(), nullptr);
  const auto tail = tail_of(story);
  ASSERT_TRUE(tail);
  EXPECT_NEAR(tail->first_dry_s, 8, 1e-3);
  EXPECT_NEAR(tail->end_s, 10, 1e-3);
  EXPECT_NEAR(tail->busy_share, 0.5, 1e-3);
  EXPECT_EQ(story.name_of(tail->last.front()), "3");
}

TEST(RunTail, does_not_count_slots_that_were_quarantined_or_lost) {
  TestJournal journal;
  journal.life(0, 4).worker(0, "h1", "0 1").worker(1, "h2", "0");
  journal.ran(1, 0, 0, 10).ran(2, 1, 0, 1, "exit_code").quarantined(1, 0, 1, 3).gone(1, 2, "x").over(10);
  const RunStory story(journal.chronicle(), nullptr);
  EXPECT_NEAR(tail_of(story)->first_dry_s, 10, 1e-3);
}

TEST(RunTail, is_not_there_while_steps_run) {
  TestJournal journal;
  journal.life(0, 2).worker(0, "h1", "0 1").ran(1, 0, 0, 10).launch(2, 0, 0, {1});
  const RunStory story(journal.chronicle(), nullptr);
  EXPECT_FALSE(tail_of(story));
}

}  // namespace
}  // namespace gradus
