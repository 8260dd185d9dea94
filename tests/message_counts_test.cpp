#include "core/message_counts.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

/// A master and a worker between which so many messages went, of which so many came.
std::string lost(int orders, int orders_came, int ends, int ends_came) {
  MasterCounts master;
  WorkerCounts worker;
  for (int i = 0; i < orders; ++i) master.send_order();
  for (int i = 0; i < orders_came; ++i) worker.hear_order();
  worker.hear_beat(master.beat());
  worker.send_ends(static_cast<std::size_t>(ends));
  for (int i = 0; i < ends_came; ++i) master.hear_end();
  return master.lost(worker.beat());
}

TEST(MessageCounts, tell_of_lost_orders_and_of_lost_ends) {
  EXPECT_EQ(lost(3, 3, 2, 2), "");
  EXPECT_EQ(lost(3, 2, 2, 2), "was sent 3 orders, and 2 have come");
  EXPECT_EQ(lost(3, 3, 2, 1), "has told 2 ends, and 1 have come");
}

TEST(MessageCounts, call_nothing_lost_that_is_on_its_way) {
  MasterCounts master;
  WorkerCounts worker;
  master.send_order();
  EXPECT_EQ(master.lost(worker.beat()), "") << "the worker has heard of no order and no beat";
  worker.hear_order();
  worker.hear_beat(master.beat());
  master.send_order();
  EXPECT_EQ(master.lost(worker.beat()), "") << "the second was sent after the beat that the worker knows";
  master.hear_end();
  EXPECT_EQ(master.lost(worker.beat()), "") << "its end was told after its beat";
}

TEST(MessageCounts, believe_no_worker_that_knows_of_more_orders_than_were_sent) {
  MasterCounts master;
  EXPECT_EQ(master.lost({.sent = 0, .received = 0, .told = 7}), "");
}

}  // namespace
}  // namespace gradus
