#include "node/leftovers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace gradus {
namespace {

TEST(Lineage, is_told_by_whole_names) {
  EXPECT_TRUE(is_of_lineage("a.1.2.1", "a.1.2.1"));
  EXPECT_TRUE(is_of_lineage("outer.0.7.1/a.1.2.1", "a.1.2.1"));
  EXPECT_TRUE(is_of_lineage("outer.0.7.1/a.1.2.1", "outer.0.7.1"));
  EXPECT_FALSE(is_of_lineage("a.1.2.11", "a.1.2.1"));
  EXPECT_FALSE(is_of_lineage("", "a.1.2.1"));
}

TEST(Lineage, of_a_rank_has_all_its_attempts_and_no_other_ranks) {
  const auto rank = lineage_of_rank("77.5", 1);
  EXPECT_TRUE(is_of_lineage("outer/" + lineage_of_attempt(rank, 4, 2), rank));
  EXPECT_FALSE(is_of_lineage(lineage_of_attempt(lineage_of_rank("77.5", 11), 4, 2), rank));
}

/// A process of that lineage in a session of its own, as an orphan of this one.
pid_t orphan(const char* lineage) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  const pid_t parent = fork();
  if (parent == 0) {
    const pid_t child = fork();
    if (child == 0) {
      setsid();
      const std::string variable = std::string(lineage_variable) + "=" + lineage;
      const char* environment[] = {lineage != nullptr && *lineage ? variable.c_str() : "X=1", nullptr};
      const char* argv[] = {"sleep", "654", nullptr};
      execve("/bin/sleep", const_cast<char**>(argv), const_cast<char**>(environment));
      _exit(127);
    }
    [[maybe_unused]] const auto written = write(ends[1], &child, sizeof child);
    _exit(0);
  }
  pid_t child = -1;
  [[maybe_unused]] const auto got = read(ends[0], &child, sizeof child);
  waitpid(parent, nullptr, 0);
  close(ends[1]);
  char none = 0;
  while (read(ends[0], &none, 1) > 0) {  // its end of the pipe is closed when it has become what it becomes
  }
  close(ends[0]);
  // Descriptors are closed before there is an environment to be seen.
  for (int i = 0; i < 10000 && std::ifstream("/proc/" + std::to_string(child) + "/environ").peek() == EOF; ++i)
    usleep(1000);
  return child;
}

bool others_run() { return false; }
bool nothing_else_runs() { return true; }

bool lives(pid_t process) { return kill(process, 0) == 0; }

TEST(Leftovers, ends_those_of_the_attempt_and_no_others) {
  Leftovers leftovers;
  const auto mine = orphan("1.0.5.1"), other = orphan("1.0.6.1"), unknown = orphan("");
  ASSERT_TRUE(lives(mine) && lives(other) && lives(unknown));
  EXPECT_TRUE(leftovers.end("1.0.5.1", others_run, 5));
  EXPECT_FALSE(lives(mine));
  EXPECT_TRUE(lives(other));
  EXPECT_TRUE(lives(unknown));
  EXPECT_TRUE(leftovers.end("1.0.6.1", nothing_else_runs, 5));
  EXPECT_FALSE(lives(other));
  EXPECT_FALSE(lives(unknown));
}

TEST(Leftovers, of_an_attempt_that_begins_during_the_look_live) {
  Leftovers leftovers;
  const auto mine = orphan("1.0.5.1");
  pid_t beside = 0;
  const auto one_begins = [&beside] {
    if (beside != 0) return false;
    beside = orphan("");
    return true;
  };
  EXPECT_TRUE(leftovers.end("1.0.5.1", one_begins, 5));
  EXPECT_FALSE(lives(mine));
  ASSERT_GT(beside, 1);
  EXPECT_TRUE(lives(beside));
  EXPECT_TRUE(leftovers.end("none", nothing_else_runs, 5));
}

TEST(Leftovers, lets_live_what_was_there_before_it) {
  const auto before = fork();
  if (before == 0) {
    for (;;) pause();
  }
  Leftovers leftovers;
  EXPECT_TRUE(leftovers.end("1.0.5.1", nothing_else_runs, 5));
  EXPECT_TRUE(lives(before));
  kill(before, SIGKILL);
  waitpid(before, nullptr, 0);
}

TEST(Leftovers, are_ended_by_lineage_when_their_rank_is_gone) {
  Leftovers leftovers;
  const auto mine = orphan("9.3.5.1"), other = orphan("9.33.5.1");
  end_lineage("9.3.");
  EXPECT_TRUE(leftovers.end("none", others_run, 5));  // reaps
  EXPECT_FALSE(lives(mine));
  EXPECT_TRUE(lives(other));
  EXPECT_TRUE(leftovers.end("9.33.5.1", others_run, 5));
}

}  // namespace
}  // namespace gradus
