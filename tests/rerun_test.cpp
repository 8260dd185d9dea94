#include "report/rerun.h"

#include <gmock/gmock.h>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Rerun, names_what_has_not_succeeded_failed_steps_first_and_the_command) {
  TestJournal journal(support::graph("a; b; c after b; d"));
  journal.life(0).worker(1, "h1", "-").launch(1, 0, 1, {0}).end(1, 0, 1).launch(2, 1, 1, {0}).end(2, 1, 2, "exit_code");
  journal.skipped(3, 2, 2).over(3, 75, 1);
  const RunStory story(journal.chronicle(), journal.graph());
  const auto rerun = rerun_of(story, 10, "");
  EXPECT_EQ(rerun.count, 3U);
  EXPECT_THAT(rerun.names, ElementsAre("b", "c", "d"));
  EXPECT_EQ(rerun.command, "mpirun -np 2 gradus run chain.txt --resume");
  EXPECT_THAT(rerun_of(story, 2, "").names, ElementsAre("b", "c"));
}

TEST(Rerun, is_nothing_when_all_succeeded) {
  TestJournal journal(support::graph("a"));
  journal.life(0).worker(0, "h1", "-").ran(1, 0, 0, 1).over(1);
  const auto rerun = rerun_of(RunStory(journal.chronicle(), journal.graph()), 10, "");
  EXPECT_EQ(rerun.count, 0U);
  EXPECT_THAT(rerun.names, IsEmpty());
  EXPECT_EQ(rerun.command, "");
}

}  // namespace
}  // namespace gradus
