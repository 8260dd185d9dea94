#include "node/guardian.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/temporary_folder.h"

namespace gradus {
namespace {

using tests::TemporaryFolder;

/// False for a zombie too: process 1 of a container may reap slowly.
bool alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  const auto end = text.rfind(')');
  return end != std::string::npos && text[end + 2] != 'Z';
}

bool is_gone_within(pid_t pid, double seconds) {
  for (int i = 0; i < seconds * 100; ++i) {
    if (!alive(pid)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// A process that makes a guardian, starts `script` in a group of its own and registers it.
struct Rank {
  pid_t pid = -1;
  pid_t guardian = -1;
  pid_t grandchild = -1;
};

Rank start_rank(
    const TemporaryFolder& folder, const std::string& script,
    const std::function<void(Guardian&)>& prepare = [](Guardian&) {}) {
  Rank rank;
  rank.pid = fork();
  if (rank.pid == 0) {
    Guardian guardian;
    guardian.set_grace(0.2);
    prepare(guardian);
    const pid_t step = fork();
    if (step == 0) {
      setpgid(0, 0);
      execl("/bin/sh", "sh", "-c", script.c_str(), folder.file("grandchild").c_str(), nullptr);
      _exit(127);
    }
    setpgid(step, step);
    *guardian.cell(3) = step;
    std::ofstream(folder.file("guardian.tmp")) << guardian.pid();
    rename(folder.file("guardian.tmp").c_str(), folder.file("guardian").c_str());
    for (;;) pause();
  }
  for (int i = 0; i < 6000 && !(folder.has("guardian") && folder.has("grandchild")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  // Never 0: that would be this test's own process group.
  const auto number = [&](const std::string& name) { return folder.has(name) ? std::stoi(folder.read(name)) : -1; };
  rank.guardian = number("guardian");
  rank.grandchild = number("grandchild");
  EXPECT_GT(rank.guardian, 1);
  EXPECT_GT(rank.grandchild, 1);
  return rank;
}

constexpr auto shell_with_grandchild = "sleep 60 & echo $! > $0.tmp; mv $0.tmp $0; wait";

TEST(Guardian, ends_a_steps_whole_group_when_its_rank_is_killed) {
  const TemporaryFolder folder;
  const auto rank = start_rank(folder, shell_with_grandchild);
  ASSERT_TRUE(alive(rank.grandchild));
  kill(rank.pid, SIGKILL);
  waitpid(rank.pid, nullptr, 0);
  EXPECT_TRUE(is_gone_within(rank.grandchild, 10));
  EXPECT_TRUE(is_gone_within(rank.guardian, 10)) << "the guardian stays behind";
}

TEST(Guardian, kills_what_ignores_term_after_the_grace) {
  const TemporaryFolder folder;
  const auto rank = start_rank(folder, "trap '' TERM; sleep 60 & echo $! > $0.tmp; mv $0.tmp $0; wait");
  kill(rank.pid, SIGKILL);
  waitpid(rank.pid, nullptr, 0);
  EXPECT_TRUE(is_gone_within(rank.grandchild, 10));
}

TEST(Guardian, is_not_ended_by_signals_to_the_ranks_process_group) {
  const TemporaryFolder folder;
  const auto rank = start_rank(folder, shell_with_grandchild);
  EXPECT_NE(getpgid(rank.guardian), getpgid(rank.pid));
  kill(rank.guardian, SIGTERM);
  EXPECT_TRUE(alive(rank.guardian));
  kill(rank.pid, SIGKILL);
  waitpid(rank.pid, nullptr, 0);
  EXPECT_TRUE(is_gone_within(rank.grandchild, 10));
}

TEST(Guardian, kills_a_stopped_rank_after_its_steps_but_not_one_that_has_not_begun) {
  const TemporaryFolder not_begun, begun;
  const auto looking = start_rank(not_begun, shell_with_grandchild);
  kill(looking.pid, SIGSTOP);
  EXPECT_FALSE(is_gone_within(looking.pid, stopped_rank_s + 2));
  kill(looking.pid, SIGKILL);
  waitpid(looking.pid, nullptr, 0);
  EXPECT_TRUE(is_gone_within(looking.grandchild, 10));
  const auto running = start_rank(begun, shell_with_grandchild, [](Guardian& guardian) { guardian.set_begun(0); });
  kill(running.pid, SIGSTOP);
  EXPECT_TRUE(is_gone_within(running.grandchild, 60));
  EXPECT_TRUE(is_gone_within(running.pid, 60));
  waitpid(running.pid, nullptr, 0);
}

TEST(Guardian, holds_its_lock_until_all_has_ended_and_its_last_word_is_said) {
  const TemporaryFolder folder;
  folder.write("lock", "");
  folder.write("word", "a longer word that stood there before\n");
  const auto rank = start_rank(folder, "trap '' TERM; (trap '' TERM; sleep 60) & echo $! > $0.tmp; mv $0.tmp $0; wait",
                               [&](Guardian& guardian) {
                                 guardian.set_grace(3);  // for this test to see the lock still held after the kill
                                 guardian.hold(folder.file("lock"), 1);
                                 guardian.set_last_word(folder.file("word"), "not this\n", false);
                                 guardian.change_last_word(folder.file("word"), "it is gone\n");
                               });
  const int fd = open(folder.file("lock").c_str(), O_RDWR | O_CLOEXEC);
  const auto is_held = [fd] {
    struct flock byte {};
    byte.l_type = F_WRLCK;
    byte.l_whence = SEEK_SET;
    byte.l_start = byte.l_len = 1;
    return fcntl(fd, F_OFD_GETLK, &byte) == 0 && byte.l_type != F_UNLCK;
  };
  for (int i = 0; i < 6000 && !is_held(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(is_held());
  kill(rank.pid, SIGKILL);
  waitpid(rank.pid, nullptr, 0);
  EXPECT_TRUE(is_held());
  for (int i = 0; i < 6000 && is_held(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(is_held());
  EXPECT_FALSE(alive(rank.grandchild));
  EXPECT_EQ(folder.read("word"), "it is gone\n");
  close(fd);
}

TEST(Guardian, goes_quietly_when_all_is_well) {
  pid_t pid = -1;
  {
    const Guardian guardian;
    pid = guardian.pid();
    EXPECT_TRUE(alive(pid));
  }
  EXPECT_FALSE(alive(pid));
}

TEST(Guardian, a_program_that_does_not_know_it_does_not_start_itself_without_end) {
  char name[] = "gradus-guardian";
  char* const before = program_invocation_name;
  program_invocation_name = name;  // as in such a program's second life
  EXPECT_THROW(Guardian(), std::logic_error);
  program_invocation_name = before;
}

}  // namespace
}  // namespace gradus
