#include "report/critical_path.h"

#include <gmock/gmock.h>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;
using testing::ElementsAre;
using After = CriticalLink::After;

/// `a nothing`, `b slot`, ….
std::vector<std::string> path(const TestJournal& journal) {
  const RunStory story(journal.chronicle(), journal.graph());
  std::vector<std::string> words;
  for (const auto& link : critical_path_of(story, Prerequisites(story))) {
    words.push_back(story.name_of(link.attempt) + " " + word(link.after));
  }
  return words;
}

TEST(CriticalPath, goes_back_over_what_ended_last_before_each) {
  TestJournal journal(support::graph("a; b; c after a,b; d"));
  journal.life(0).worker(0, "h1", "- -").launch(1, 0, 0, {0}).launch(2, 0, 0, {1}).end(1, 0, 3).end(2, 0, 5);
  journal.launch(4, 5, 0, {0}).end(4, 5, 8).ran(3, 0, 8.5, 12).over(12);
  // c needs a and b, but what it really waited for was d, which held its slot.
  EXPECT_THAT(path(journal), ElementsAre("a nothing", "d slot", "c slot"));
}

TEST(CriticalPath, prefers_a_prerequisite_to_the_slot_it_ran_in) {
  TestJournal journal(support::graph("a; b after a"));
  journal.life(0).worker(0, "h1", "-").ran(1, 0, 0, 3).ran(2, 0, 3, 5).over(5);
  EXPECT_THAT(path(journal), ElementsAre("a nothing", "b prerequisite"));
}

TEST(CriticalPath, goes_through_barriers_and_earlier_attempts) {
  TestJournal journal(support::graph("a; b; barrier; c retries=1"));
  journal.life(0).worker(0, "h1", "- - -").launch(1, 0, 0, {0}).launch(2, 0, 0, {1}).end(1, 0, 1).end(2, 0, 4);
  journal.launch(3, 4, 0, {2}).end(3, 4, 6, "exit_code", true).launch(3, 7, 0, {0}, 2).end(3, 7, 9).over(9);
  EXPECT_THAT(path(journal), ElementsAre("b nothing", "c prerequisite", "c earlier attempt"));
}

TEST(CriticalPath, tells_how_long_each_waited_and_what_came_first_since_the_begin) {
  TestJournal journal(support::graph("a; b after a"));
  journal.life(0).worker(0, "h1", "- -").ran(1, 0, 2, 3).ran(2, 1, 4.5, 6).over(6);
  const RunStory story(journal.chronicle(), journal.graph());
  const auto links = critical_path_of(story, Prerequisites(story));
  ASSERT_EQ(links.size(), 2U);
  EXPECT_NEAR(links[0].waited_s, 2, 1e-3);
  EXPECT_NEAR(links[1].waited_s, 1.5, 1e-3);
}

TEST(CriticalPath, forgives_clocks_that_differ_a_little_and_no_more) {
  for (const double late_s : {0.3, 5.0}) {
    TestJournal journal(support::graph("a; b after a"));
    // By their nodes' clocks a ends after b has begun.
    journal.life(0).worker(0, "h1", "- -").launch(1, 0, 0, {0}).launch(2, 10, 0, {1});
    journal.end(1, 0, 10 + late_s).end(2, 10, 20).over(20);
    if (late_s < 0.5) {
      EXPECT_THAT(path(journal), ElementsAre("a nothing", "b prerequisite"));
    } else {
      EXPECT_THAT(path(journal), ElementsAre("b nothing"));
    }
  }
}

TEST(CriticalPath, of_a_run_in_which_nothing_was_started_is_empty) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "-").over(1, 75, 1);
  EXPECT_TRUE(path(journal).empty());
}

}  // namespace
}  // namespace gradus
