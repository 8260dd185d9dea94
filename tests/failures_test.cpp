#include "report/failures.h"

#include <gtest/gtest.h>

#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

TEST(Failures, are_told_by_cause_with_places_and_the_ends_of_steps_as_examples) {
  TestJournal journal;
  journal.life(0, 4).worker(0, "h1", "0 1").launch(1, 0, 0, {0}).end(1, 0, 1, "exit_code", true);
  journal.launch(1, 1, 0, {1}, 2).end(1, 1, 2, "exit_code").ran(2, 0, 2, 3, "exit_code").ran(3, 0, 3, 4, "timed_out");
  journal.ran(4, 0, 4, 5).over(5, 1);
  const RunStory story(journal.chronicle(), nullptr);
  const auto causes = failures_of(story);
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_EQ(causes[0].cause, "exit code 3");
  EXPECT_EQ(causes[0].count, 3U);
  EXPECT_EQ(causes[0].steps_failed, 2U);
  EXPECT_EQ(causes[0].steps.size(), 2U);
  EXPECT_EQ(causes[0].places.front(), (std::pair<LaneIndex, std::uint64_t>{0, 2}));
  ASSERT_EQ(causes[0].examples.size(), 3U);
  EXPECT_EQ(story.row(causes[0].examples[0]).attempt, 2U);
  EXPECT_EQ(causes[1].cause, "ran into its time limit");
}

TEST(Failures, of_lost_attempts_are_a_cause_of_their_own) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "-").launch(1, 0, 0, {0}).gone(0, 3, "silence").lost(1, 3).over(3, 3);
  const RunStory story(journal.chronicle(), nullptr);
  ASSERT_EQ(failures_of(story).size(), 1U);
  EXPECT_EQ(failures_of(story)[0].cause, "lost with the rank that ran it");
}

TEST(BadPlaces, are_slots_that_were_quarantined) {
  TestJournal journal;
  journal.life(0, 3)
      .worker(0, "h1", "0 1")
      .ran(1, 0, 0, 5)
      .ran(2, 1, 0, 1, "exit_code")
      .quarantined(1, 0, 1, 3)
      .over(5);
  const RunStory story(journal.chronicle(), nullptr);
  const auto places = bad_places_of(story);
  ASSERT_EQ(places.size(), 1U);
  EXPECT_TRUE(places[0].is_quarantined);
  EXPECT_EQ(story.lanes.place_in_words(places[0].lane), "slot 1 on h1 with GPU 1");
  EXPECT_NEAR(places[0].t_s, 1, 1e-3);
}

TEST(BadPlaces, what_was_cancelled_says_nothing_of_its_slot) {
  TestJournal journal;
  journal.life(0, 20).worker(0, "h1", "0 1");
  for (std::uint32_t step = 1; step <= 6; ++step) journal.ran(step, 0, step, step + 1);
  for (std::uint32_t step = 7; step <= 9; ++step) journal.ran(step, 1, step, step + 1, "exit_code");
  for (std::uint32_t step = 10; step <= 20; ++step) journal.ran(step, 1, step, step + 1, "cancelled");
  const RunStory story(journal.chronicle(), nullptr);
  const auto places = bad_places_of(story);
  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places[0].attempts, 3U);
}

TEST(BadPlaces, are_slots_where_most_fails_that_succeeds_elsewhere_and_none_when_all_fails) {
  TestJournal one, all;
  for (auto* journal : {&one, &all}) {
    journal->life(0, 8).worker(0, "h1", "0 1");
    for (std::uint32_t step = 1; step <= 8; ++step) {
      const bool fails = step % 2 == 0 || journal == &all;
      journal->ran(step, 1 - step % 2, step, step + 1, fails ? "exit_code" : "succeeded");
    }
    journal->over(10, 1);
  }
  const RunStory with_one(one.chronicle(), nullptr), with_all(all.chronicle(), nullptr);
  ASSERT_EQ(bad_places_of(with_one).size(), 1U);
  EXPECT_EQ(bad_places_of(with_one)[0].lane, 1U);
  EXPECT_EQ(bad_places_of(with_one)[0].failures, 4U);
  EXPECT_TRUE(bad_places_of(with_all).empty());
}

}  // namespace
}  // namespace gradus
