#include "run/time_left.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gradus/steps_file.h"
#include "run/status.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

std::shared_ptr<const Graph> steps(const std::string& lines) {
  return parse_steps("a.jsonl", std::make_shared<const std::string>(lines), StepsFormat::json_lines,
                     [](std::string_view) { return false; })
      .graph;
}

/// s1 to s4 align; s5 needs s4 and s6 needs s5, both join.
std::shared_ptr<const Graph> two_shapes() {
  std::string lines;
  for (int i = 1; i <= 6; ++i) {
    lines += fmt::format(R"({{"id":"s{}","command":"{}.mrc"{}}})", i, i <= 4 ? "align m" + std::to_string(i) : "join a",
                         i <= 4 ? "" : fmt::format(R"(,"needs":["s{}"])", i - 1)) +
             '\n';
  }
  return steps(lines);
}

/// A run on one host, seen `now` seconds after its beginning.
class TimeLeft : public testing::Test {
 protected:
  void begin(const std::shared_ptr<const Graph>& graph, const std::string& slots = "0 1 2 3") {
    ASSERT_TRUE(graph);
    journal = std::make_unique<TestJournal>(graph);
    known = std::make_unique<KnownSteps>(graph);
    new_life(0, slots);
  }
  void new_life(double t, const std::string& slots = "0 1 2 3") {
    journal->life(t, static_cast<std::uint32_t>(known->graph().step_count())).worker(0, "h1", slots);
  }
  double left(double now) const {
    const auto seconds =
        status_of("a.run", journal->chronicle(), RunPulse::runs, TestJournal::epoch + now, known.get());
    return seconds.left_s.value_or(-1);
  }

  std::unique_ptr<TestJournal> journal;
  std::unique_ptr<KnownSteps> known;
};

TEST_F(TimeLeft, is_the_chain_that_is_left_where_that_is_longer_than_the_work_over_the_slots) {
  begin(two_shapes());
  journal->launch(1, 0, 0, {0});
  EXPECT_EQ(left(1), -1) << "nothing is known yet";
  journal->end(1, 0, 10);
  // All take 10 s: 5 steps on 4 slots would be 12.5 s, but s4, s5 and s6 follow each other.
  EXPECT_NEAR(left(10), 30, 1e-2);
}

TEST_F(TimeLeft, is_the_work_over_the_slots_where_that_is_longer) {
  begin(two_shapes(), "0");
  journal->ran(1, 0, 0, 10);
  EXPECT_NEAR(left(10), 50, 1e-2);
}

TEST_F(TimeLeft, knows_the_shapes_apart) {
  begin(two_shapes());
  journal->ran(1, 0, 0, 10).ran(4, 1, 10, 20).ran(5, 0, 20, 120);
  EXPECT_NEAR(left(120), 100, 1e-2) << "s6 joins as s5 did";
}

TEST_F(TimeLeft, what_runs_has_less_before_it_and_what_runs_long_makes_its_like_longer) {
  begin(two_shapes());
  journal->ran(1, 0, 0, 10).launch(4, 10, 0, {0});
  // 16 s at work for one end: 10 s are left of s4, and s5 and s6 take 16 s as all others do.
  EXPECT_NEAR(left(16), 10 + 16 + 16, 1e-2);
}

TEST_F(TimeLeft, takes_a_steps_own_time_in_an_earlier_life_before_that_of_its_like) {
  begin(two_shapes());
  journal->ran(1, 0, 0, 10).ran(4, 1, 0, 200);
  new_life(1000);
  // s4 runs again, as it was changed: 200 s, and of the joins nothing is known but the mean of all.
  EXPECT_NEAR(left(1000), 200 + 105 + 105, 1e-2);
}

TEST_F(TimeLeft, takes_the_cost_of_what_was_never_seen) {
  begin(steps("{\"command\":\"a\"}\n{\"command\":\"b\",\"cost\":500}\n"));
  journal->ran(1, 0, 0, 10);
  EXPECT_NEAR(left(10), 500, 1e-2);
}

TEST_F(TimeLeft, gpu_steps_have_to_go_on_slots_with_gpus_and_wide_ones_on_several) {
  std::string lines = "{\"command\":\"a %(GPU)s\"}\n";
  for (int i = 0; i < 4; ++i) lines += "{\"command\":\"a %(GPU)s\"}\n";
  begin(steps(lines), "0 - - -");
  journal->ran(1, 0, 0, 10);
  EXPECT_NEAR(left(10), 4 * 10, 1e-2) << "all on the one slot with a GPU";

  begin(steps("{\"command\":\"a\",\"gpus\":2}\n{\"command\":\"a\",\"gpus\":2}\n{\"command\":\"a\",\"gpus\":2}\n"),
        "0 1");
  journal->launch(1, 0, 0, {0, 1}).end(1, 0, 10);
  EXPECT_NEAR(left(10), 2 * 10, 1e-2) << "one after the other";

  begin(steps("{\"command\":\"a %(GPU)s\",\"nodes\":1}\n{\"command\":\"a %(GPU)s\",\"nodes\":1}\n"), "0 - - -");
  journal->launch(1, 0, 0, {0, 1, 2, 3}).end(1, 0, 10);
  EXPECT_NEAR(left(10), 10, 1e-2) << "the whole node, and not four times its slot with a GPU";
}

TEST_F(TimeLeft, of_short_steps_is_known_from_their_rate) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "{\"command\":\"a\"}\n";
  begin(steps(lines));
  // Ten in 100 s, each of which takes a hundredth of a second: what lies between them decides.
  for (std::uint32_t i = 1; i <= 10; ++i) journal->ran(i, 0, 10 * i - 0.01, 10 * i);
  EXPECT_NEAR(left(100), 900, 1);
}

TEST_F(TimeLeft, is_not_given_as_none_where_the_last_step_takes_longer_than_expected) {
  begin(two_shapes());
  for (std::uint32_t step = 1; step < 6; ++step) journal->ran(step, 0, step, step + 1);
  journal->launch(6, 6, 0, {0});
  const auto said = [&](double now) {
    return text(status_of("a.run", journal->chronicle(), RunPulse::runs, TestJournal::epoch + now, nullptr), {});
  };
  EXPECT_NE(said(6.1).find(" left (until "), std::string::npos) << said(6.1);
  EXPECT_NE(said(100).find(", what runs takes longer than expected\n"), std::string::npos) << said(100);
  EXPECT_EQ(said(100).find(" left (until "), std::string::npos) << said(100);
}

TEST_F(TimeLeft, steps_of_another_life_are_not_taken_for_this_ones) {
  begin(two_shapes());
  journal = std::make_unique<TestJournal>();
  journal->life(0, 7).worker(0, "h1", "0 1 2 3").ran(1, 0, 0, 10);
  EXPECT_NEAR(left(10), 15, 1e-2) << "6 that take 10 s each, on 4 slots";
}

}  // namespace
}  // namespace gradus
