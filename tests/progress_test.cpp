#include "run/progress.h"

#include <gmock/gmock.h>

#include <limits>

#include "support/builders.h"

namespace gradus {
namespace {

using support::graph;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A real scheduler whose worker ends steps when told, and what the progress line wrote.
class ProgressTest : public testing::Test {
 protected:
  void begin(std::string_view steps, unsigned columns, double now = 0) {
    graph_ = graph(steps);
    scheduler = std::make_unique<Scheduler>(graph_, SchedulerOptions{});
    progress =
        std::make_unique<Progress>(*scheduler, columns, [this](const std::string& text) { written.push_back(text); });
    fact(WorkerJoined{0, support::Machine().worker("n1", "- -"), false}, now);
  }
  void fact(const Fact& fact, double now) {
    Decisions decisions;
    scheduler->apply(fact, now, decisions);
    progress->on_fact(fact, decisions, now);
    progress->commit(now);
  }
  void end(const std::string& step, double now, OutcomeKind kind = OutcomeKind::succeeded) {
    AttemptEnded ended{graph_->find(step), 1, 0, {}};
    ended.result.outcome.kind = kind;
    fact(ended, now);
  }
  /// Lets time pass as the loop would: commit() is called when the line wishes it.
  void until(double to) {
    for (double now = progress->next_wish(0); now <= to; now = progress->next_wish(now)) progress->commit(now);
  }

  std::shared_ptr<const Graph> graph_;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<Progress> progress;
  std::vector<std::string> written;
};

TEST_F(ProgressTest, a_log_file_gets_one_plain_line_a_minute) {
  begin("a; b; c; d", 0);
  end("a", 10);
  end("b", 40);
  EXPECT_THAT(written, IsEmpty());
  until(130);
  EXPECT_THAT(written, ElementsAre("[00:01:00] 2/4 done, 2 running, 2.0 steps/min, about 1m 00s left\n",
                                   "[00:02:00] 2/4 done, 2 running, 1.0 steps/min, about 2m 00s left\n"));
}

TEST_F(ProgressTest, tells_failed_and_skipped_steps_which_are_done_too) {
  begin("a; b after a; c", 0);
  end("a", 10, OutcomeKind::exit_code);
  until(60);
  EXPECT_THAT(written, ElementsAre(HasSubstr("2/3 done, 1 running, 1 failed, 1 skipped, 2.0 steps/min")));
}

TEST_F(ProgressTest, gives_no_rate_before_a_step_is_done) {
  begin("a", 0);
  until(60);
  EXPECT_THAT(written, ElementsAre("[00:01:00] 0/1 done, 1 running\n"));
}

TEST_F(ProgressTest, the_rate_is_of_this_life_only) {
  graph_ = graph("a; b; c");
  SchedulerOptions options;
  options.succeeded_before = {true, true, false};
  scheduler = std::make_unique<Scheduler>(graph_, options);
  progress = std::make_unique<Progress>(*scheduler, 0, [this](const std::string& text) { written.push_back(text); });
  fact(WorkerJoined{0, support::Machine().worker("n1", "-"), false}, 0);
  until(60);
  EXPECT_THAT(written, ElementsAre("[00:01:00] 2/3 done, 1 running\n"));
}

TEST_F(ProgressTest, a_stopping_run_says_so_and_does_not_guess_its_end) {
  begin("a; b; c", 0);
  end("a", 10);
  fact(StopRequested{StopKind::drain, "signal USR1", 10}, 20);
  until(60);
  EXPECT_THAT(written, ElementsAre("[00:01:00] 1/3 done, 2 running, stopping\n"));
}

TEST_F(ProgressTest, a_terminal_line_is_redrawn_at_most_five_times_a_second) {
  std::string steps;
  for (int i = 0; i < 100; ++i) steps += "s" + std::to_string(i) + "; ";
  begin(steps, 80);
  for (int i = 0; i < 100; ++i) end("s" + std::to_string(i), 0.01 * (i + 1));
  EXPECT_GE(written.size(), 4U);
  EXPECT_LE(written.size(), 5U);
  for (const auto& line : written) {
    EXPECT_TRUE(line.starts_with("\r\x1b[K[00:00:0")) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST_F(ProgressTest, a_change_is_shown_soon_and_the_clock_ticks_when_nothing_changes) {
  begin("a; b", 80);
  until(10);
  EXPECT_GE(written.size(), 10U);
  EXPECT_LE(written.size(), 11U);
  end("a", 10.25);
  until(10.5);
  EXPECT_THAT(written.back(), HasSubstr("1/2 done"));
}

TEST_F(ProgressTest, a_narrow_terminal_gets_a_line_that_does_not_wrap) {
  begin("a; b", 20);
  until(1);
  ASSERT_FALSE(written.empty());
  EXPECT_EQ(written.back(), "\r\x1b[K" + std::string("[00:00:00] 0/2 done, 2 running").substr(0, 19));
}

TEST_F(ProgressTest, no_colour_is_ever_used) {
  begin("a; b after a", 200);
  end("a", 1, OutcomeKind::exit_code);
  for (const auto& line : written) EXPECT_THAT(line.substr(4), Not(HasSubstr("\x1b")));
}

TEST_F(ProgressTest, is_taken_off_the_terminal_once_and_never_off_a_log) {
  begin("a", 80);
  until(1);
  written.clear();
  progress->clear();
  progress->clear();
  EXPECT_THAT(written, ElementsAre("\r\x1b[K"));
  written.clear();
  begin("a", 0);
  until(60);
  progress->clear();
  EXPECT_EQ(written.size(), 1U);
}

TEST_F(ProgressTest, wishes_for_nothing_before_the_run_begins) {
  graph_ = graph("a");
  scheduler = std::make_unique<Scheduler>(graph_, SchedulerOptions{});
  progress = std::make_unique<Progress>(*scheduler, 80, [](const std::string&) { FAIL(); });
  EXPECT_EQ(progress->next_wish(5), std::numeric_limits<double>::infinity());
  progress->commit(5);
}

TEST(ClockText, counts_hours_beyond_a_day) {
  EXPECT_EQ(clock_text(723.9), "00:12:03");
  EXPECT_EQ(clock_text(100 * 3600.0), "100:00:00");
}

}  // namespace
}  // namespace gradus
