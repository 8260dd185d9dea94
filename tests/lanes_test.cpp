#include "report/lanes.h"

#include <gtest/gtest.h>

#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

TEST(Lanes, stand_by_node_and_slot_and_know_their_place) {
  TestJournal journal;
  journal.life(0, 1).worker(2, "h2", "GPU-c -").worker(1, "h1", "0 1").over(10);
  const Lanes lanes(journal.chronicle(), RunTime(journal.chronicle()));
  ASSERT_EQ(lanes.all().size(), 4U);
  EXPECT_EQ(lanes.of(0, 1, 1), lanes.of_slot(0, 1, 3));
  EXPECT_EQ(lanes.place(lanes.of(0, 1, 1)), "h1 slot 3 GPU 1");
  EXPECT_EQ(lanes.place_in_words(lanes.of(0, 1, 1)), "slot 3 on h1 with GPU 1");
  EXPECT_EQ(lanes.place_in_words(lanes.of(0, 2, 0)), "slot 0 on h2 with GPU-c");
  EXPECT_EQ(lanes.place_in_words(lanes.of(0, 2, 1)), "slot 1 on h2");
  EXPECT_EQ(lanes.of(0, 9, 0), no_lane);
}

TEST(Lanes, are_the_same_in_all_lives_in_which_a_host_has_that_gpu) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "GPU-a GPU-b - -").over(10, 75);
  journal.life(100, 1).worker(0, "h2", "GPU-c").worker(1, "h1", "GPU-b GPU-a -").over(110);
  const Lanes lanes(journal.chronicle(), RunTime(journal.chronicle()));
  EXPECT_EQ(lanes.all().size(), 5U);
  EXPECT_EQ(lanes.of(0, 0, 0), lanes.of(1, 1, 1));
  EXPECT_EQ(lanes.of(0, 0, 1), lanes.of(1, 1, 0));
  EXPECT_EQ(lanes.of(0, 0, 2), lanes.of(1, 1, 2));
}

TEST(Lanes, end_with_the_loss_of_their_worker_and_tell_their_quarantine) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "0 1").worker(1, "h2", "0");
  journal.quarantined(1, 0, 4, 3).gone(1, 6, "silence").over(10);
  const Lanes lanes(journal.chronicle(), RunTime(journal.chronicle()));
  for (const auto& presence : lanes.presences()) {
    EXPECT_EQ(presence.quarantine.has_value(), presence.lane == lanes.of(0, 0, 1));
    EXPECT_EQ(presence.is_lost, presence.lane == lanes.of(0, 1, 0));
    EXPECT_NEAR(presence.until, presence.is_lost ? 6 : 10, 1e-3);
  }
}

}  // namespace
}  // namespace gradus
