#include "node/doorbell.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "node/inbox.h"

namespace gradus {
namespace {

/// Unlike that of a test that runs beside this one.
std::string run(const std::string& name) { return name + std::to_string(getpid()); }

bool is_readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

TEST(Doorbell, wakes_the_one_that_is_meant_and_no_other) {
  Doorbell master(run("a"), 0), worker(run("a"), 1), other(run("a"), 2), stranger(run("b"), 1);
  master.ring(1);
  EXPECT_TRUE(is_readable(worker.fd()));
  EXPECT_FALSE(is_readable(other.fd()));
  EXPECT_FALSE(is_readable(stranger.fd()));
  EXPECT_TRUE(worker.answer());
  EXPECT_FALSE(is_readable(worker.fd()));
  EXPECT_FALSE(worker.answer());
}

TEST(Doorbell, after_one_ring_both_know_each_other_and_then_there_is_silence) {
  Doorbell master(run("a"), 0), worker(run("a"), 1);
  worker.ring(0);
  EXPECT_FALSE(worker.knows(0));
  EXPECT_TRUE(master.answer());
  EXPECT_TRUE(master.knows(1));
  EXPECT_TRUE(worker.answer());
  EXPECT_TRUE(worker.knows(0));
  EXPECT_TRUE(master.answer()) << "the ring by which the worker says that it has heard";
  EXPECT_FALSE(worker.answer());
  EXPECT_EQ(master.known(), 1U);
}

TEST(Doorbell, with_more_at_once_than_there_is_room_for_all_know_each_other_in_the_end) {
  constexpr std::uint32_t count = 40;
  Doorbell master(run("a"), 0);
  std::vector<std::unique_ptr<Doorbell>> workers;
  for (std::uint32_t i = 1; i <= count; ++i) {
    workers.push_back(std::make_unique<Doorbell>(run("a"), i));
    workers.back()->ring(0);
    master.ring(i);
  }
  for (int round = 0; round < 20 && master.known() < count; ++round) {
    for (const auto& worker : workers) {
      worker->answer();
      if (!worker->knows(0)) worker->ring(0);
    }
    master.answer();
  }
  for (const auto& worker : workers) worker->answer();
  EXPECT_EQ(master.known(), count);
  for (const auto& worker : workers) EXPECT_TRUE(worker->knows(0));
}

TEST(Doorbell, nobody_there_or_too_many_rings_are_no_trouble) {
  Doorbell master(run("a"), 0), worker(run("a"), 1);
  master.ring(7);
  for (int i = 0; i < 5000; ++i) master.ring(1);
  EXPECT_TRUE(worker.answer());
  EXPECT_FALSE(is_readable(worker.fd()));
}

TEST(Doorbell, where_its_name_is_taken_it_is_one_that_nobody_rings) {
  Doorbell worker(run("a"), 1), again(run("a"), 1);
  EXPECT_EQ(again.fd(), -1);
  again.ring(1);
  EXPECT_FALSE(worker.answer());
  EXPECT_FALSE(again.answer());
}

TEST(Doorbell, wakes_who_sleeps_at_an_inbox) {
  Doorbell master(run("a"), 0), worker(run("a"), 1);
  const Inbox inbox;
  master.ring(1);
  inbox.sleep(3600, worker.fd());  // would end the test by its time limit
  EXPECT_TRUE(worker.answer());
}

TEST(Inbox, tells_whether_an_end_was_not_to_be_told_later) {
  Inbox inbox;
  std::vector<AttemptEnded> ended;
  inbox.put({}, true);
  EXPECT_FALSE(inbox.take(ended));
  inbox.put({}, true);
  inbox.put({}, false);
  EXPECT_TRUE(inbox.take(ended));
  EXPECT_FALSE(inbox.take(ended));
  EXPECT_EQ(ended.size(), 3U);
}

}  // namespace
}  // namespace gradus
