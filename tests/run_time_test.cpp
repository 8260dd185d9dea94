#include "report/run_time.h"

#include <gtest/gtest.h>

#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;
constexpr double epoch = TestJournal::epoch;

TEST(RunTime, cuts_the_pauses_between_lives_out) {
  TestJournal journal;
  journal.life(0).over(100, 75).life(5000).over(5040);
  const RunTime time(journal.chronicle());
  EXPECT_DOUBLE_EQ(time.length(), 140);
  EXPECT_DOUBLE_EQ(time.begin(1), 100);
  EXPECT_NEAR(time.at(1, epoch + 5030), 130, 1e-3);
  EXPECT_NEAR(time.epoch_end(1), epoch + 5040, 1e-3);
}

TEST(RunTime, keeps_what_lies_outside_of_a_life_at_its_edges) {
  TestJournal journal;
  journal.life(0).over(100, 75).life(5000).over(5040);
  const RunTime time(journal.chronicle());
  EXPECT_DOUBLE_EQ(time.at(0, epoch + 2000), 100);
  EXPECT_DOUBLE_EQ(time.at(1, epoch + 2000), 100);
}

TEST(RunTime, of_a_run_that_goes_on_ends_now_and_of_one_that_broke_off_with_its_last_record) {
  TestJournal journal;
  journal.life(0, 2).worker(0, "h1", "-").launch(1, 30, 0, {0});
  EXPECT_NEAR(RunTime(journal.chronicle(), epoch + 50).length(), 50, 1e-3);
  EXPECT_NEAR(RunTime(journal.chronicle()).length(), 30, 1e-3);
}

}  // namespace
}  // namespace gradus
