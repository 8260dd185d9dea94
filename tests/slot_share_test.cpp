#include "report/slot_share.h"

#include <gtest/gtest.h>

#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

TEST(SlotShare, is_what_attempts_held_of_the_slots_of_each_kind) {
  TestJournal journal;
  journal.life(0, 3).worker(0, "h1", "0 1 -").ran(1, 0, 0, 10).ran(2, 1, 0, 5).over(10);
  const RunStory story(journal.chronicle(), nullptr);
  const auto shares = slot_share_of(story, 2);
  EXPECT_NEAR(shares.bin_s, 5, 1e-3);
  EXPECT_NEAR(shares.gpu[0], 1, 1e-3);
  EXPECT_NEAR(shares.gpu[1], 0.5, 1e-3);
  EXPECT_NEAR(shares.cpu[0], 0, 1e-3);
}

TEST(SlotShare, is_of_the_slots_that_are_left_and_nothing_where_none_is) {
  TestJournal journal;
  journal.life(0, 2)
      .worker(0, "h1", "0")
      .worker(1, "h2", "0")
      .ran(1, 0, 0, 10)
      .gone(1, 5, "x")
      .gone(0, 10, "x")
      .over(20);
  const RunStory story(journal.chronicle(), nullptr);
  const auto shares = slot_share_of(story, 4);
  EXPECT_NEAR(shares.gpu[0], 0.5, 1e-3);
  EXPECT_NEAR(shares.gpu[1], 1, 1e-3);
  EXPECT_LT(shares.gpu[3], 0);
  EXPECT_LT(shares.cpu[0], 0);
}

}  // namespace
}  // namespace gradus
