#include "node/notifier.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <new>

#include "node/clock.h"
#include "support/temporary_folder.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::TemporaryFolder;

class NotifierTest : public testing::Test {
 protected:
  void begin(const std::string& command, double limit_s = 60) {
    Notifier::Settings settings;
    settings.command = command;
    settings.limit_s = limit_s;
    settings.grace_s = 0.2;
    settings.variables = {{"OUT", folder.file("out")}};
    settings.group_cell = &group;
    notifier = std::make_unique<Notifier>(settings, environment, [this](const std::string& line) {
      const std::lock_guard lock(mutex);
      complaints.push_back(line);
    });
  }
  void tell(const std::string& event, const std::string& text = "") {
    notifier->tell(event, [text] { return text; });
  }
  void finish() {
    notifier->finish([] { return false; });
  }

  TemporaryFolder folder;
  StepEnvironment environment{environ};
  // Shared, as the guardian's table is: under ThreadSanitizer a child does not run in our memory.
  void* shared = mmap(nullptr, sizeof(std::atomic<pid_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  std::atomic<pid_t>& group = *new (shared) std::atomic<pid_t>(0);
  std::mutex mutex;
  std::vector<std::string> complaints;
  std::unique_ptr<Notifier> notifier;
};

TEST_F(NotifierTest, runs_the_command_for_each_event_in_order_with_the_text_on_its_input) {
  begin("echo $GRADUS_EVENT >>\"$OUT\"; cat >>\"$OUT\"");
  tell("one", "text of one\n");
  tell("two", "text of two\n");
  finish();
  EXPECT_EQ(folder.read("out"), "one\ntext of one\ntwo\ntext of two\n");
  EXPECT_THAT(complaints, IsEmpty());
  EXPECT_EQ(group, 0);
}

TEST_F(NotifierTest, runs_one_at_a_time) {
  begin("mkdir \"$OUT.lock\" || exit 1; sleep 0.05; rmdir \"$OUT.lock\"");
  for (int i = 0; i < 4; ++i) tell("event");
  finish();
  EXPECT_THAT(complaints, IsEmpty());
}

TEST_F(NotifierTest, a_text_that_nobody_reads_harms_nobody_however_long_it_is) {
  begin("exit 0");
  tell("end", std::string(8 << 20, 'x'));
  finish();
  EXPECT_THAT(complaints, IsEmpty());
}

TEST_F(NotifierTest, tells_a_failure_in_one_line_with_the_last_line_of_its_output) {
  begin("echo first; echo; echo 'the cause' >&2; echo; exit 3");
  tell("end");
  finish();
  EXPECT_THAT(complaints, ElementsAre("--notify: the command for end failed: exit code 3: the cause"));
}

TEST_F(NotifierTest, a_text_that_cannot_be_made_is_one_line_and_the_next_event_is_told) {
  begin("echo $GRADUS_EVENT >>\"$OUT\"");
  notifier->tell("one", []() -> std::string { throw std::runtime_error("no memory"); });
  tell("two");
  finish();
  EXPECT_EQ(folder.read("out"), "two\n");
  EXPECT_THAT(complaints, ElementsAre("--notify: one was not told: no memory"));
}

TEST_F(NotifierTest, at_the_end_one_that_hangs_leaves_time_to_those_behind_it) {
  begin("test $GRADUS_EVENT = hangs && sleep 100; echo $GRADUS_EVENT >>\"$OUT\"", 10);
  tell("hangs");
  tell("end");
  const double began = monotonic_s();
  finish();
  EXPECT_LT(monotonic_s() - began, 60);
  EXPECT_EQ(folder.read("out"), "end\n");
  EXPECT_THAT(complaints, ElementsAre(HasSubstr("hangs was ended: its time was over")));
}

TEST_F(NotifierTest, in_a_hurry_what_runs_is_ended_and_the_rest_is_not_told) {
  begin("echo $GRADUS_EVENT >>\"$OUT\"; sleep 100");
  tell("one");
  tell("two");
  while (folder.read("out") != "one\n") usleep(1000);
  notifier->finish([] { return true; });
  EXPECT_EQ(folder.read("out"), "one\n");
}

TEST_F(NotifierTest, ends_at_once_what_runs_when_it_goes) {
  begin("trap '' TERM; sleep 100");
  tell("one");
  while (group == 0) usleep(1000);
  const double began = monotonic_s();
  notifier.reset();
  EXPECT_LT(monotonic_s() - began, 50);
}

}  // namespace
}  // namespace gradus
