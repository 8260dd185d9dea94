#include "report/lost_time.h"

#include <gtest/gtest.h>

#include <numeric>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

LostTime lost_time(const TestJournal& journal) {
  const RunStory story(journal.chronicle(), journal.graph());
  auto lost = lost_time_of(story);
  const double all = std::accumulate(lost.by_reason.begin(), lost.by_reason.end(), lost.busy_s);
  EXPECT_NEAR(all, lost.slot_s, 1e-2) << "every second has one reason";
  return lost;
}

TEST(LostTime, tells_start_prerequisites_and_tail_apart) {
  TestJournal journal(support::graph("a; b after a; c after a"));
  journal.life(0).worker(0, "h1", "- -").ran(1, 0, 2, 10).launch(2, 10, 0, {0}).launch(3, 10, 0, {1});
  journal.end(2, 10, 15).end(3, 10, 20).over(20);
  const auto lost = lost_time(journal);
  EXPECT_NEAR(lost.slot_s, 40, 1e-2);
  EXPECT_NEAR(lost.busy_s, 23, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::start), 4, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::prerequisites), 8, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::tail), 5, 1e-2);
}

TEST(LostTime, while_a_step_is_ready_is_time_between_steps) {
  TestJournal journal(support::graph("a; b"));
  journal.life(0).worker(0, "h1", "-").ran(1, 0, 0, 4).ran(2, 0, 7, 10).over(10);
  EXPECT_NEAR(lost_time(journal).at(LostTo::other), 3, 1e-2);
}

TEST(LostTime, without_the_steps_file_is_taken_for_waiting) {
  TestJournal journal;
  journal.life(0, 2).worker(0, "h1", "-").ran(1, 0, 0, 4).ran(2, 0, 7, 10).over(10);
  EXPECT_NEAR(lost_time(journal).at(LostTo::prerequisites), 3, 1e-2);
}

TEST(LostTime, to_retries_is_the_failed_attempt_and_the_pause) {
  TestJournal journal(support::graph("a retries=1"));
  journal.life(0).worker(0, "h1", "-").launch(1, 0, 0, {0}).end(1, 0, 4, "exit_code", true);
  journal.launch(1, 5, 0, {0}, 2).end(1, 5, 10).over(10);
  const auto lost = lost_time(journal);
  EXPECT_NEAR(lost.at(LostTo::retries), 5, 1e-2);
  EXPECT_NEAR(lost.busy_s, 5, 1e-2);
}

TEST(LostTime, knows_nothing_of_what_was_called_back_before_it_began) {
  TestJournal journal(support::graph("a; b; c after a"));
  journal.life(0).worker(0, "h1", "- -").launch(1, 0, 0, {0}).launch(2, 0, 0, {0}, 1, R"(,"waits":true)");
  journal.end(2, 1, 1, "cancelled", true).launch(2, 1, 0, {1}, 2).end(1, 0, 4).end(2, 3, 4).ran(3, 0, 4, 4).over(4);
  EXPECT_NEAR(lost_time(journal).at(LostTo::other), 3, 1e-2);
  EXPECT_NEAR(lost_time(journal).at(LostTo::retries), 0, 1e-2);
}

TEST(LostTime, to_quarantine_lost_ranks_and_a_drain_begins_with_these) {
  TestJournal journal(support::graph("a; b; c; d; e after a"));
  journal.life(0).worker(0, "h1", "- -").worker(1, "h2", "-");
  journal.launch(1, 0, 0, {0}).launch(2, 0, 0, {1}).launch(3, 0, 1, {0});
  journal.end(2, 0, 2, "exit_code").quarantined(1, 0, 2, 3).gone(1, 4, "silence").lost(3, 4).stop("drain", 6, "USR1");
  journal.end(1, 0, 8).over(10, 75, 3);
  const auto lost = lost_time(journal);
  EXPECT_NEAR(lost.at(LostTo::quarantine), 8, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::lost_ranks), 4 + 6, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::retries), 2, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::drain), 2, 1e-2);
  EXPECT_NEAR(lost.busy_s, 8, 1e-2);
}

TEST(LostTime, of_slots_without_gpu_is_tail_when_only_gpu_steps_are_left) {
  TestJournal journal(support::graph("a gpu; b gpu after a; c"));
  journal.life(0).worker(0, "h1", "0 -").launch(1, 0, 0, {0}).launch(3, 0, 0, {1}).end(3, 0, 2).end(1, 0, 6);
  journal.ran(2, 0, 6, 10).over(10);
  const auto lost = lost_time(journal);
  EXPECT_NEAR(lost.at(LostTo::tail), 8, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::prerequisites), 0, 1e-2);
}

TEST(LostTime, of_several_lives_is_that_of_each) {
  TestJournal journal(support::graph("a; b"));
  journal.life(0).worker(0, "h1", "-").ran(1, 0, 1, 5).stop("drain", 5, "USR1").over(7, 75, 1);
  journal.life(1000).worker(0, "h1", "-").ran(2, 0, 1003, 1010).over(1010);
  const auto lost = lost_time(journal);
  EXPECT_NEAR(lost.slot_s, 17, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::start), 1 + 3, 1e-2);
  EXPECT_NEAR(lost.at(LostTo::drain), 2, 1e-2);
}

}  // namespace
}  // namespace gradus
