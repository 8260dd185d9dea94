#include "run/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <system_error>
#include <thread>

#include "gradus/journal.h"
#include "support/builders.h"
#include "support/temporary_folder.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const char* const begun_journal = "{\"life\":1,\"count\":1}\n";

class RunDirectoryTest : public testing::Test {
 protected:
  /// What the refusal says; empty when there was none.
  std::string refusal(RunMode mode, const std::string& name = "a.run") const {
    try {
      RunDirectory(folder.file(name), mode);
      return "";
    } catch (const RunDirectoryRefused& refused) {
      return refused.what();
    }
  }
  void make_earlier_run() const {
    RunDirectory(folder.file("a.run"), RunMode::fresh);
    folder.write("a.run/journal.jsonl", begun_journal);
    folder.write("a.run/summary.json", "{}");
    folder.write("a.run/logs/17.out", "x");
    folder.write("a.run/logs/17.2.err", "x");
  }

  tests::TemporaryFolder folder;
};

TEST_F(RunDirectoryTest, stands_beside_the_steps_file) {
  EXPECT_EQ(default_run_directory("chain.txt"), "chain.run");
  EXPECT_EQ(default_run_directory("some/where.d/chain.v2.jsonl"), "some/where.d/chain.v2.run");
  EXPECT_EQ(default_run_directory("steps"), "steps.run");
  EXPECT_EQ(default_run_directory("-"), "stdin.run");
  EXPECT_EQ(default_run_directory("steps.run"), "steps.run.run");
}

TEST_F(RunDirectoryTest, is_made_with_its_logs_and_all_folders_above_and_nobody_else_may_write_there) {
  const RunDirectory directory(folder.file("x/y/a.run/"), RunMode::fresh);
  EXPECT_EQ(directory.path(), folder.file("x/y/a.run"));
  EXPECT_TRUE(folder.has("x/y/a.run/logs"));
  struct stat status {};
  ASSERT_EQ(stat(directory.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 022, 0U);
  EXPECT_THAT(directory.warnings(), testing::IsEmpty());
}

TEST_F(RunDirectoryTest, an_earlier_run_is_refused_and_both_ways_on_are_named) {
  make_earlier_run();
  EXPECT_THAT(refusal(RunMode::fresh), AllOf(HasSubstr("--resume"), HasSubstr("--restart")));
  EXPECT_EQ(folder.read("a.run/journal.jsonl"), begun_journal);
}

TEST_F(RunDirectoryTest, resume_keeps_everything) {
  make_earlier_run();
  const RunDirectory directory(folder.file("a.run"), RunMode::resume);
  EXPECT_EQ(folder.read("a.run/journal.jsonl"), begun_journal);
  EXPECT_TRUE(folder.has("a.run/logs/17.2.err"));
}

TEST_F(RunDirectoryTest, knows_whether_attempts_have_files_of_their_own) {
  make_earlier_run();
  EXPECT_TRUE(RunDirectory(folder.file("a.run"), RunMode::resume).has_outputs());
  const RunDirectory begun_again(folder.file("a.run"), RunMode::restart);
  EXPECT_FALSE(begun_again.has_outputs());
  folder.write("a.run/logs/rank-0.1.2.pack", "x");
  folder.write("a.run/logs/running.0.0.out", "x");
  EXPECT_FALSE(begun_again.has_outputs());
}

TEST_F(RunDirectoryTest, resume_of_nothing_starts_afresh) {
  const RunDirectory directory(folder.file("a.run"), RunMode::resume);
  EXPECT_FALSE(folder.has("a.run/journal.jsonl"));
}

TEST_F(RunDirectoryTest, waits_for_the_guardians_of_an_earlier_life) {
  make_earlier_run();
  const int guardian = open(RunDirectory::lock_of(folder.file("a.run")).c_str(), O_RDONLY | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = RunDirectory::guardians_byte;
  lock.l_len = 1;
  ASSERT_EQ(fcntl(guardian, F_OFD_SETLK, &lock), 0);
  EXPECT_THAT(refusal(RunMode::fresh), HasSubstr("--resume")) << "not after waiting";
  EXPECT_THROW(RunDirectory(folder.file("a.run"), RunMode::resume, [](double) { return false; }), RunDirectoryRefused);
  std::atomic<bool> done = false;
  std::thread last_words([&] {
    usleep(100'000);
    done = true;
    close(guardian);
  });
  const RunDirectory directory(folder.file("a.run"), RunMode::resume);
  EXPECT_TRUE(done);
  last_words.join();
}

TEST_F(RunDirectoryTest, restart_removes_what_gradus_wrote_and_nothing_else) {
  make_earlier_run();
  const std::vector<std::string> of_others{"a.run/notes.txt",      "a.run/logs/mine.out", "a.run/logs/1.2.3.out",
                                           "a.run/logs/17.out.gz", "a.run/logs/.out",     "a.run/logs/17.txt"};
  for (const auto& name : of_others) folder.write(name, "mine");
  folder.write("a.run/report.html", "of the earlier run");
  const RunDirectory directory(folder.file("a.run"), RunMode::restart);
  EXPECT_FALSE(folder.has("a.run/journal.jsonl"));
  EXPECT_FALSE(folder.has("a.run/summary.json"));
  EXPECT_FALSE(folder.has("a.run/report.html"));
  EXPECT_FALSE(folder.has("a.run/logs/17.out"));
  EXPECT_FALSE(folder.has("a.run/logs/17.2.err"));
  for (const auto& name : of_others) EXPECT_TRUE(folder.has(name)) << name;
}

TEST_F(RunDirectoryTest, a_folder_with_other_things_is_left_alone_in_every_mode) {
  fs::create_directory(folder.file("a.run"));
  folder.write("a.run/summary.json", "somebody's");
  folder.write("a.run/lock", "somebody's");
  folder.write("a.run/journal.jsonl", "{\"day\":\"monday\"}\n");
  for (const auto mode : {RunMode::fresh, RunMode::resume, RunMode::restart}) {
    EXPECT_THAT(refusal(mode), HasSubstr("holds no run of Gradus"));
  }
  EXPECT_EQ(folder.read("a.run/summary.json"), "somebody's");
  EXPECT_EQ(folder.read("a.run/lock"), "somebody's");
  EXPECT_FALSE(folder.has("a.run/logs"));
}

TEST_F(RunDirectoryTest, an_empty_folder_is_taken) {
  fs::create_directory(folder.file("a.run"));
  EXPECT_EQ(refusal(RunMode::fresh), "");
}

TEST_F(RunDirectoryTest, one_to_which_others_can_write_is_closed_to_them_and_that_is_said) {
  for (const auto* open : {"a.run", "a.run/logs"}) {
    RunDirectory(folder.file("a.run"), RunMode::fresh);
    fs::permissions(folder.file(open), fs::perms(0777));
    const RunDirectory directory(folder.file("a.run"), RunMode::fresh);
    EXPECT_THAT(directory.warnings(),
                testing::ElementsAre(fmt::format("others could write to {}: now you alone can", folder.file(open))));
    EXPECT_EQ(fs::status(folder.file(open)).permissions(), fs::perms(0755));
  }
  EXPECT_THAT(RunDirectory(folder.file("a.run"), RunMode::fresh).warnings(), testing::IsEmpty());
}

TEST_F(RunDirectoryTest, a_run_killed_before_its_first_record_may_be_begun_again) {
  RunDirectory(folder.file("a.run"), RunMode::fresh);
  EXPECT_EQ(refusal(RunMode::fresh), "");
  folder.write("a.run/journal.jsonl", "{\"li");
  EXPECT_EQ(refusal(RunMode::resume), "");
  EXPECT_EQ(refusal(RunMode::restart), "");
}

TEST_F(RunDirectoryTest, a_link_or_a_file_in_its_place_is_refused) {
  fs::create_directory(folder.file("real"));
  fs::create_directory_symlink(folder.file("real"), folder.file("a.run"));
  folder.write("file.run", "");
  EXPECT_THAT(refusal(RunMode::fresh), HasSubstr("symbolic link"));
  EXPECT_THAT(refusal(RunMode::resume, "a.run/"), HasSubstr("symbolic link"));
  EXPECT_THAT(refusal(RunMode::fresh, "file.run"), HasSubstr("not a folder"));
  EXPECT_TRUE(fs::is_empty(folder.file("real")));
}

TEST_F(RunDirectoryTest, a_lock_that_is_a_link_is_not_followed) {
  make_earlier_run();
  fs::remove(folder.file("a.run/lock"));
  folder.write("precious", "precious");
  fs::create_symlink(folder.file("precious"), folder.file("a.run/lock"));
  EXPECT_THROW(RunDirectory(folder.file("a.run"), RunMode::resume), std::system_error);
  EXPECT_EQ(folder.read("precious"), "precious");
}

TEST_F(RunDirectoryTest, a_second_run_is_refused_in_every_mode_with_who_holds_it) {
  const RunDirectory first(folder.file("a.run"), RunMode::fresh);
  folder.write("a.run/journal.jsonl", begun_journal);
  for (const auto mode : {RunMode::fresh, RunMode::resume, RunMode::restart}) {
    EXPECT_THAT(refusal(mode),
                AllOf(HasSubstr("is in use by process " + std::to_string(getpid()) + " on "), HasSubstr(" since 20")));
  }
  EXPECT_EQ(folder.read("a.run/journal.jsonl"), begun_journal);
}

TEST_F(RunDirectoryTest, a_second_run_is_refused_though_somebody_has_removed_the_lock) {
  const auto file = folder.file("a.run/journal.jsonl");
  const RunDirectory first(folder.file("a.run"), RunMode::fresh);
  const auto graph = support::graph("a");
  const Plan plan;
  const Journal journal(file, 0, graph, plan);
  folder.write("a.run/journal.jsonl", begun_journal);
  unlink(folder.file("a.run/lock").c_str());
  for (const auto mode : {RunMode::resume, RunMode::restart}) {
    EXPECT_THAT(refusal(mode), HasSubstr("another run writes its journal"));
  }
  EXPECT_EQ(folder.read("a.run/journal.jsonl"), begun_journal);
}

TEST_F(RunDirectoryTest, the_lock_goes_with_its_holder) {
  { const RunDirectory first(folder.file("a.run"), RunMode::fresh); }
  EXPECT_EQ(refusal(RunMode::fresh), "");
  EXPECT_EQ(refusal(RunMode::fresh), "") << "a refused or ended run leaves no lock behind";
}

TEST_F(RunDirectoryTest, an_atomic_write_replaces_the_whole_file_and_leaves_no_other) {
  folder.write("summary.json", "old and long");
  write_atomically(folder.file("summary.json"), "new");
  EXPECT_EQ(folder.read("summary.json"), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST_F(RunDirectoryTest, an_atomic_write_that_fails_says_the_path_and_keeps_the_old_file) {
  folder.write("summary.json", "old");
  fs::create_directory(folder.file("summary.json.new"));
  try {
    write_atomically(folder.file("summary.json"), "new");
    FAIL() << "must throw";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("summary.json.new"));
  }
  EXPECT_EQ(folder.read("summary.json"), "old");
}

TEST_F(RunDirectoryTest, an_atomic_write_begins_anew_where_one_was_cut_off_and_leaves_nothing_when_it_fails) {
  folder.write("other", "not ours");
  fs::create_symlink(folder.file("other"), folder.file("steps.txt.new"));
  write_atomically(folder.file("steps.txt"), "true\n", 0444);
  EXPECT_EQ(folder.read("steps.txt"), "true\n");
  EXPECT_EQ(folder.read("other"), "not ours");
  fs::create_directory(folder.file("in the way"));
  EXPECT_THROW(write_atomically(folder.file("in the way"), "true\n", 0444), std::system_error);
  EXPECT_FALSE(folder.has("in the way.new"));
}

TEST_F(RunDirectoryTest, a_write_in_place_leaves_nothing_of_what_stood_there) {
  folder.write("summary.json", "old and long");
  write_in_place(folder.file("summary.json"), "new");
  EXPECT_EQ(folder.read("summary.json"), "new");
  EXPECT_THROW(write_in_place(folder.file("nowhere"), "new"), std::system_error);
}

}  // namespace
}  // namespace gradus
