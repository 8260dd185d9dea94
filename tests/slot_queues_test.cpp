#include "core/slot_queues.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

using Kind = SlotTable::Kind;

TEST(SlotQueues, the_shortest_open_one_of_the_kind_is_asked_first) {
  SlotQueues queues;
  EXPECT_FALSE(queues.shortest(Kind::cpu));
  queues.open({0, 1}, Kind::cpu);
  queues.open({1, 0}, Kind::cpu);
  queues.open({2, 0}, Kind::gpu);
  EXPECT_EQ(queues.shortest(Kind::cpu), SlotPlace(1, 0));  // first slots of all workers before second ones
  queues.push({1, 0}, 7);
  EXPECT_EQ(queues.shortest(Kind::cpu), SlotPlace(0, 1));
  queues.push({0, 1}, 8);
  EXPECT_EQ(queues.shortest(Kind::cpu), SlotPlace(1, 0));
  EXPECT_EQ(queues.shortest(Kind::gpu), SlotPlace(2, 0));
  EXPECT_EQ(queues.size(), 2U);
}

TEST(SlotQueues, a_closed_one_keeps_what_waits_there_and_gets_no_more) {
  SlotQueues queues;
  queues.open({0, 0}, Kind::cpu);
  queues.push({0, 0}, 1);
  queues.push({0, 0}, 2);
  queues.close({0, 0});
  EXPECT_FALSE(queues.shortest(Kind::cpu));
  EXPECT_EQ(queues.pop({0, 0}), 1U);
  queues.remove({0, 0}, 2);
  EXPECT_EQ(queues.pop({0, 0}), std::nullopt);
  EXPECT_TRUE(queues.all().empty());
  queues.close({5, 5});  // was never open
  queues.remove({5, 5}, 1);
  EXPECT_TRUE(queues.all().empty());
  EXPECT_EQ(queues.size(), 0U);
}

}  // namespace
}  // namespace gradus
