#include "run/steps_of_run.h"

#include <gmock/gmock.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "run/run_directory.h"
#include "support/temporary_folder.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;
using testing::HasSubstr;

/// A run directory whose copy of the steps is one command a line.
class StepsOfRunTest : public testing::Test {
 protected:
  void keep(const std::string& text) const { write_atomically(folder.file("steps.txt"), text); }
  StepsOfRun::Reader reader() {
    return [this](const std::string& path) {
      ++readings;
      read_by = std::this_thread::get_id();
      const auto text = std::make_shared<const std::string>(folder.read("steps.txt"));
      return parse_steps(path, text, steps_format(path), nullptr);
    };
  }

  tests::TemporaryFolder folder;
  TestJournal journal;
  std::atomic<int> readings = 0;
  std::thread::id read_by;
  std::string why_not;
};

TEST_F(StepsOfRunTest, are_read_once_by_another_thread_from_begin_on) {
  keep("a\nb\n");
  journal.life(0, 2);
  StepsOfRun steps(folder.path(), reader());
  steps.begin();
  const auto graph = steps.graph(journal.chronicle(), why_not);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(graph->step(1).command, "b");
  EXPECT_EQ(steps.graph(journal.chronicle(), why_not), graph);
  EXPECT_EQ(readings, 1);
  EXPECT_NE(read_by, std::this_thread::get_id());
  EXPECT_EQ(why_not, "");
}

TEST_F(StepsOfRunTest, are_read_when_asked_for_where_nothing_was_begun) {
  keep("a\n");
  journal.life(0, 1);
  StepsOfRun steps(folder.path(), reader());
  EXPECT_EQ(readings, 0);
  EXPECT_NE(steps.graph(journal.chronicle(), why_not), nullptr);
  EXPECT_EQ(read_by, std::this_thread::get_id());
}

TEST_F(StepsOfRunTest, a_copy_that_takes_its_place_meanwhile_is_read_instead) {
  keep("old\n");
  journal.life(0, 1);
  StepsOfRun steps(folder.path(), reader());
  steps.begin();
  while (readings == 0) std::this_thread::yield();
  keep("new\n");
  EXPECT_EQ(steps.graph(journal.chronicle(), why_not)->step(0).command, "new");
  keep("yet\n");
  EXPECT_EQ(steps.graph(journal.chronicle(), why_not)->step(0).command, "yet");
}

TEST_F(StepsOfRunTest, what_goes_wrong_in_the_thread_is_thrown_to_whoever_asks) {
  keep("a\n");
  journal.life(0, 1);
  const auto caller = std::this_thread::get_id();
  StepsOfRun steps(folder.path(), [&, read = reader()](const std::string& path) {
    if (std::this_thread::get_id() != caller) throw std::runtime_error("no memory");
    return read(path);
  });
  steps.begin();
  EXPECT_THROW(steps.graph(journal.chronicle(), why_not), std::runtime_error);
}

TEST_F(StepsOfRunTest, nobody_need_ask_for_them) {
  keep("a\n");
  StepsOfRun steps(folder.path(), reader());
  steps.begin();
}

TEST_F(StepsOfRunTest, tell_why_there_are_none) {
  journal.life(0, 2);
  EXPECT_EQ(StepsOfRun(folder.path(), reader()).graph(journal.chronicle(), why_not), nullptr);
  EXPECT_THAT(why_not, HasSubstr("keeps no copy of its steps"));
  keep("#GRADUS --retries x\na\n");
  EXPECT_EQ(StepsOfRun(folder.path(), reader()).graph(journal.chronicle(), why_not), nullptr);
  EXPECT_THAT(why_not, HasSubstr("steps.txt:1"));
  keep("a\n");
  EXPECT_EQ(StepsOfRun(folder.path(), reader()).graph(journal.chronicle(), why_not), nullptr);
  EXPECT_THAT(why_not, HasSubstr("is of a life of which the journal has no record"));
}

TEST_F(StepsOfRunTest, what_an_estimate_needs_is_made_where_it_is_wanted_and_of_no_copy_that_is_too_large) {
  keep("a\nb\n");
  journal.life(0, 2);
  const auto known_of = [&](std::uintmax_t most_bytes) {
    StepsOfRun steps(folder.path(), reader(), StepsOfRun::Want::known_steps, most_bytes);
    steps.begin();
    return steps.known(journal.chronicle());
  };
  ASSERT_NE(known_of(4), nullptr);
  EXPECT_EQ(known_of(4)->graph().step_count(), 2U);
  readings = 0;
  EXPECT_EQ(known_of(3), nullptr);
  EXPECT_EQ(readings, 0);
}

}  // namespace
}  // namespace gradus
