#include "node/short_turns.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

namespace gradus {
namespace {

/// As the kernel has it, see sched_setattr(2).
struct Attributes {
  std::uint32_t size = sizeof(Attributes), policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
};

Attributes own() {
  Attributes attributes;
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0), 0);
  return attributes;
}

/// What `asked` says in a child of the calling thread.
template <typename Question>
bool in_child(Question asked) {
  const pid_t child = fork();
  if (child == 0) _exit(asked() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0;
}

/// Each test on a thread of its own: what it has asked for stays with it.
template <typename Test>
void on_a_thread(Test test) {
  std::thread(test).join();
}

TEST(ShortTurns, are_asked_of_the_kernel_for_this_thread_and_not_for_what_it_starts) {
  on_a_thread([] {
    const auto before = own();
    ShortTurns turns;
    turns.want(true);
    const auto after = own();
    EXPECT_EQ(after.policy, before.policy);
    EXPECT_EQ(after.nice, before.nice);
    if (before.runtime_ns == 0) GTEST_SKIP() << "this kernel tells no slices (before Linux 6.12)";
    EXPECT_LT(after.runtime_ns, before.runtime_ns);
    EXPECT_TRUE(in_child([&] { return own().runtime_ns == before.runtime_ns && own().flags == before.flags; }));
    on_a_thread([&] { EXPECT_EQ(own().runtime_ns, before.runtime_ns); });
  });
}

TEST(ShortTurns, are_the_usual_ones_again_when_nobody_is_in_a_hurry) {
  on_a_thread([] {
    const auto before = own();
    ShortTurns turns;
    turns.want(true);
    turns.want(false);
    EXPECT_EQ(own().runtime_ns, before.runtime_ns);
    turns.want(true);
    turns.want(true);
    if (before.runtime_ns > 0) {
      EXPECT_LT(own().runtime_ns, before.runtime_ns);
    }
  });
}

TEST(ShortTurns, leave_another_policy_and_niceness_as_they_are_for_children_too) {
  on_a_thread([] {
    ASSERT_EQ(syscall(SYS_setpriority, 0, 0, 5), 0);
    ShortTurns turns;
    turns.want(true);
    EXPECT_EQ(own().nice, 5);
    EXPECT_TRUE(in_child([] { return own().nice == 5; }));
  });
  on_a_thread([] {
    const sched_param none{};
    ASSERT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    const auto before = own();
    ShortTurns turns;
    turns.want(true);
    EXPECT_EQ(own().policy, before.policy);
    EXPECT_EQ(own().runtime_ns, before.runtime_ns);
    EXPECT_EQ(own().flags, before.flags);
  });
}

TEST(ShortTurns, leave_a_better_niceness_to_children) {
  on_a_thread([] {
    if (syscall(SYS_setpriority, 0, 0, -3) != 0) GTEST_SKIP() << "no right to be less nice";
    ShortTurns turns;
    turns.want(true);
    EXPECT_TRUE(in_child([] { return own().nice == -3; }));
  });
}

}  // namespace
}  // namespace gradus
