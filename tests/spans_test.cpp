#include "report/spans.h"

#include <gmock/gmock.h>

#include "report/run_story.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;
using testing::ElementsAre;

TEST(Spans, of_what_waits_at_a_slot_begin_when_the_one_before_has_ended) {
  TestJournal journal;
  journal.life(0, 2).worker(0, "h1", "-");
  journal.launch(1, 0, 0, {0}).launch(2, 0, 0, {0}, 1, R"(,"waits":true)").end(1, 0.5, 4);
  const RunStory story(journal.chronicle(), nullptr, TestJournal::epoch + 10);
  EXPECT_NEAR(story.spans.of(1).begin, 4, 1e-3);
  EXPECT_NEAR(story.spans.of(1).end, 10, 1e-3);
  EXPECT_EQ(story.spans.last(), 1U);
}

TEST(Spans, never_overlap_in_a_lane_whatever_the_clocks_say) {
  TestJournal journal;
  journal.life(0, 3).worker(0, "h1", "-").ran(1, 0, 1, 3).ran(2, 0, 2, 2.5).ran(3, 0, 5, 4).over(10);
  const RunStory story(journal.chronicle(), nullptr);
  for (std::size_t i = 1; i < 3; ++i) EXPECT_GE(story.spans.of(i).begin, story.spans.of(i - 1).end);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_GE(story.spans.of(i).end, story.spans.of(i).begin);
}

TEST(Spans, of_a_wide_attempt_are_in_all_its_lanes_and_in_those_of_the_workers_that_it_holds_whole) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "0 1 2").worker(1, "h2", "0 1");
  journal.launch(1, 0, 0, {0, 2}, 1, R"(,"with":[1])").end(1, 0, 4).over(5);
  const RunStory story(journal.chronicle(), nullptr);
  EXPECT_THAT(story.spans.lanes(0), ElementsAre(0, 2, 3, 4));
  EXPECT_TRUE(story.spans.in_lane(1).empty());
  EXPECT_EQ(story.spans.in_lane(4).size(), 1U);
}

TEST(Spans, of_lost_attempts_end_with_the_loss_and_of_a_life_that_broke_off_with_it) {
  TestJournal journal;
  journal.life(0, 2).worker(0, "h1", "0 1").launch(1, 1, 0, {0}).launch(2, 1, 0, {1}).gone(0, 6, "x").lost(1, 6);
  journal.life(100, 2).worker(0, "h1", "0 1").over(110);
  const RunStory story(journal.chronicle(), nullptr);
  EXPECT_NEAR(story.spans.of(0).end, 6, 1e-3);
  EXPECT_NEAR(story.spans.of(1).end, 6, 1e-3);
  EXPECT_STREQ(shown_outcome_word(story.outcome_of(0)), "lost_with_worker");
  EXPECT_STREQ(shown_outcome_word(story.outcome_of(1)), "cut_off");
  EXPECT_EQ(story.end_of(1), "its end is not known: the run was broken off");
}

TEST(Spans, of_what_ran_when_the_run_was_broken_off_are_cut_off_and_not_running) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "0").launch(1, 1, 0, {0});
  const RunStory runs(journal.chronicle(), nullptr, TestJournal::epoch + 10);
  EXPECT_STREQ(shown_outcome_word(runs.outcome_of(0)), "running");
  EXPECT_EQ(runs.end_of(0), "running");
  const RunStory broken_off(journal.chronicle(), nullptr, {}, true);
  EXPECT_STREQ(shown_outcome_word(broken_off.outcome_of(0)), "cut_off");
  EXPECT_EQ(broken_off.end_of(0), "its end is not known: the run was broken off");
  EXPECT_TRUE(is_trouble(broken_off.outcome_of(0)));
}

}  // namespace
}  // namespace gradus
