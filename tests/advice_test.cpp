#include "report/advice.h"

#include <gmock/gmock.h>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> advice(const TestJournal& journal) {
  const RunStory story(journal.chronicle(), journal.graph());
  Findings findings;
  findings.lost_time = lost_time_of(story);
  findings.tail = tail_of(story);
  findings.critical_path = critical_path_of(story, Prerequisites(story));
  findings.bad_places = bad_places_of(story);
  findings.nodes = node_table_of(story, journal.shared_graph(), 1000);
  std::vector<std::string> all;
  for (const auto& one : advice_of(story, findings)) all.push_back(one.what + ": " + one.why);
  return all;
}

TEST(Advice, says_how_few_nodes_are_enough) {
  TestJournal journal(support::graph("a; b after a; c after b"));
  journal.life(0).worker(0, "h1", "0").worker(1, "h2", "0").worker(2, "h3", "0").worker(3, "h4", "0");
  journal.ran(1, 0, 0, 10).ran(2, 0, 10, 20).ran(3, 0, 20, 30).over(30);
  EXPECT_THAT(advice(journal), Contains(HasSubstr("Ask for 1 node next time: 1 node would have taken as long as 4")));
}

TEST(Advice, says_what_more_nodes_would_have_saved) {
  TestJournal journal(support::graph("a; b; c; d; e; f; g; h"));
  journal.life(0).worker(0, "h1", "0");
  for (std::uint32_t step = 1; step <= 8; ++step) journal.ran(step, 0, 10.0 * step - 10, 10.0 * step);
  journal.over(80);
  EXPECT_THAT(advice(journal), Contains(HasSubstr("2 nodes would have taken 50 % less time than 1")));
}

TEST(Advice, on_a_tail_depends_on_whether_the_last_step_could_have_begun_earlier) {
  TestJournal early(support::graph("a; b; c; last")), chain(support::graph("a; b; c; last after a"));
  for (auto* journal : {&early, &chain}) {
    journal->life(0).worker(0, "h1", "0 1 2").launch(1, 0, 0, {0}).launch(2, 0, 0, {1}).launch(3, 0, 0, {2});
    journal->end(1, 0, 10).end(2, 0, 10).end(3, 0, 10).ran(4, 0, 10, 60).over(60);
  }
  EXPECT_THAT(advice(early), Contains(AllOf(HasSubstr("step last was last"), HasSubstr("priority"))));
  EXPECT_THAT(advice(chain), Contains(AllOf(HasSubstr("step last was last"), HasSubstr("chain"))));
}

TEST(Advice, names_what_took_a_tenth_of_the_time_and_nothing_else) {
  TestJournal journal(support::graph("a retries=1"));
  journal.life(0).worker(0, "h1", "0").launch(1, 0, 0, {0}).end(1, 0, 10, "exit_code", true);
  journal.launch(1, 10, 0, {0}, 2).end(1, 10, 20).over(20);
  EXPECT_THAT(advice(journal), Contains(HasSubstr("50 % of the slots' time went into attempts that failed")));
  EXPECT_THAT(advice(journal), Not(Contains(HasSubstr("quarantine"))));
}

}  // namespace
}  // namespace gradus
