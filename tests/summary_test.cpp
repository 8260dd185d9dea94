#include "run/summary.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "support/builders.h"

namespace gradus {
namespace {

using nlohmann::json;
using support::graph;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A summary that is told facts in few words. Rank 0 is on n1 with two GPU slots, rank 1 on n2 with one GPU
/// slot and one without.
class SummaryTest : public testing::Test {
 protected:
  SummaryTest() {
    plan.ranks.resize(2);
    for (std::uint32_t rank = 0; rank < 2; ++rank) {
      plan.ranks[rank].rank = rank;
      plan.ranks[rank].node = rank;
      plan.ranks[rank].host = rank == 0 ? "n1" : "n2";
      plan.ranks[rank].slots.resize(2);
      plan.ranks[rank].slots[0].gpus.push_back({"0", "0", "GPU-0", "", ""});
    }
    plan.ranks[0].slots[1].gpus.push_back({"1", "1", "GPU-1", "", ""});
  }

  void begin(std::string_view steps) {
    graph_ = graph(steps);
    summary = std::make_unique<Summary>(graph_, plan);
    end.counts.waiting = graph_->step_count();
    end.run_dir = "/w/chain.run";
  }
  void join(WorkerId worker, double now) { summary->on_fact(WorkerJoined{worker, {}, false}, {}, now); }
  void launch(StepIndex step, double now, WorkerId worker = 0, std::vector<std::uint32_t> slots = {0},
              std::uint32_t attempt = 1) {
    Decisions decisions;
    decisions.launches.push_back({step, attempt, worker, std::move(slots), {}});
    summary->on_time(decisions, now);
  }
  /// The attempt ended, and with it the step in this state; `waiting`: it goes on.
  void ended(StepIndex step, double seconds, double now, Outcome outcome = {}, StepState state = StepState::succeeded,
             WorkerId worker = 0, std::uint32_t attempt = 1) {
    AttemptEnded fact{step, attempt, worker, {}};
    fact.result.outcome = std::move(outcome);
    fact.result.started_at = 1000;
    fact.result.ended_at = 1000 + seconds;
    Decisions decisions;
    if (state != StepState::waiting) settle(decisions, step, state);
    summary->on_fact(fact, decisions, now);
  }
  void settle(Decisions& decisions, StepIndex step, StepState state, StepIndex because_of = no_step) {
    decisions.settled.push_back({step, state, because_of});
    --end.counts.waiting;
    ++(state == StepState::succeeded ? end.counts.succeeded
       : state == StepState::failed  ? end.counts.failed
                                     : end.counts.skipped);
  }
  void fail(StepIndex step) { ended(step, 1, 1, {OutcomeKind::exit_code, 3, ""}, StepState::failed); }

  std::string text() const { return summary->text(end, tail); }
  json document() const { return json::parse(summary->json(end, tail)); }

  Plan plan;
  std::shared_ptr<const Graph> graph_;
  std::unique_ptr<Summary> summary;
  Summary::End end;
  OutputTail tail = [](StepIndex, std::uint32_t) { return std::vector<std::string>{}; };
};

TEST_F(SummaryTest, says_first_what_came_of_the_steps) {
  begin("a; b; c after b; d");
  for (const StepIndex step : {0U, 1U}) launch(step, 0);
  ended(0, 1, 1);
  fail(1);
  Decisions decisions;
  settle(decisions, 2, StepState::skipped, 1);
  summary->on_time(decisions, 1);
  EXPECT_THAT(text(), HasSubstr("/w/chain.run stopped: 1 of 4 steps succeeded, 1 failed, 1 skipped, 1 waiting"));
  EXPECT_THAT(text(), HasSubstr("step c because of step b"));
  EXPECT_EQ(document()["state"], "stopped");
  EXPECT_EQ(document()["steps"], (json{{"total", 4}, {"succeeded", 1}, {"failed", 1}, {"skipped", 1}, {"waiting", 1}}));
  EXPECT_EQ(document()["skipped"], (json{{{"step", "c"}, {"because_of", "b"}}}));
  EXPECT_EQ(summary->succeeded_in_this_life(), 1U);
}

TEST_F(SummaryTest, tells_how_busy_gpus_were_where_that_is_known) {
  begin("a; b");
  for (const StepIndex step : {0U, 1U}) launch(step, 0);
  ended(0, 1, 1);
  EXPECT_THAT(text(), Not(HasSubstr("GPU use")));
  EXPECT_FALSE(document().contains("gpu_use"));
  AttemptEnded fact{1, 1, 0, {}};
  fact.result.usage.gpu = {30, 0.25F, 2048, 81559};
  summary->on_fact(fact, {}, 1);
  EXPECT_THAT(text(), HasSubstr("  GPU use    GPU steps kept their GPU 25 % busy, at most 2.0 GiB of its memory"));
  EXPECT_EQ(document()["gpu_use"]["samples"], 30);
  EXPECT_EQ(document()["gpu_use"]["memory_mib"], 2048);
}

TEST_F(SummaryTest, an_attempt_that_never_began_is_none) {
  begin("a; b");
  launch(0, 0);
  launch(1, 0);
  AttemptEnded called_back{1, 1, 0, {}};
  called_back.result.outcome.kind = OutcomeKind::cancelled;
  summary->on_fact(called_back, {}, 1);
  ended(0, 1, 1);
  Decisions again;
  again.launches.push_back({1, 2, 0, {0}, {}, {}, false, 1});
  summary->on_time(again, 1);
  ended(1, 1, 2, {}, StepState::succeeded, 0, 2);
  EXPECT_EQ(document()["attempts"], 2);
  EXPECT_EQ(document()["retries"], 0);
}

TEST_F(SummaryTest, a_retry_that_never_began_is_none_and_was_not_slow) {
  begin("a retries=1");
  launch(0, 0);
  ended(0, 1, 4, {OutcomeKind::exit_code, 3, ""}, StepState::waiting);
  Decisions again;
  again.launches.push_back({0, 2, 0, {0}, {}});
  summary->on_time(again, 4);
  AttemptEnded taken_back{0, 2, 0, {}};
  taken_back.result.outcome = cancelled_before_start();
  summary->on_fact(taken_back, {}, 4);
  EXPECT_EQ(document()["attempts"], 1);
  EXPECT_EQ(document()["retries"], 0);
  EXPECT_THAT(text(), Not(HasSubstr("attempt 2")));
}

TEST_F(SummaryTest, a_run_in_which_all_succeeded_is_finished_and_says_nothing_of_failures) {
  begin("a");
  launch(0, 5);
  ended(0, 62, 67);
  EXPECT_EQ(document()["state"], "finished");
  EXPECT_EQ(document()["version"], 1);
  EXPECT_EQ(document()["wall_s"], 62.0);
  EXPECT_THAT(text(), HasSubstr("wall time  1m 02s, 1 attempt\n"));
  EXPECT_THAT(text(), Not(HasSubstr("failed")));
}

TEST_F(SummaryTest, shows_a_failed_step_with_its_place_outcome_command_and_last_output) {
  begin("a retries=1");
  tail = [](StepIndex step, std::uint32_t attempt) {
    return std::vector<std::string>{"step " + std::to_string(step) + " attempt " + std::to_string(attempt),
                                    "no memory"};
  };
  launch(0, 0);
  ended(0, 1, 1, {OutcomeKind::exit_code, 3, ""}, StepState::waiting);
  launch(0, 1, 1, {0}, 2);
  ended(0, 1, 2, {OutcomeKind::timed_out, 0, ""}, StepState::failed, 1, 2);
  const auto what = describe({OutcomeKind::timed_out, 0, ""});
  const auto command = std::string(graph_->step(0).command);
  EXPECT_THAT(text(), HasSubstr("step a on n2 (line 1): " + what + ", attempt 2: " + command));
  EXPECT_THAT(text(), HasSubstr("             | step 0 attempt 2\n             | no memory\n"));
  EXPECT_THAT(text(), HasSubstr("failed by  1 timed out\n"));
  EXPECT_THAT(text(), HasSubstr("2 attempts, 1 of them again"));
  const auto failed = document()["failed"][0];
  EXPECT_EQ(failed["outcome"], "timed_out");
  EXPECT_EQ(failed["host"], "n2");
  EXPECT_EQ(failed["output_tail"][1], "no memory");
  EXPECT_EQ(document()["failed_by"], (json{{"timed_out", 1}}));
}

TEST_F(SummaryTest, counts_all_failures_but_lists_twenty) {
  std::string steps;
  for (int i = 0; i < 30; ++i) steps += "s" + std::to_string(i) + "; ";
  begin(steps);
  for (StepIndex step = 0; step < 30; ++step) {
    launch(step, 0);
    fail(step);
  }
  EXPECT_EQ(document()["failed"].size(), 20U);
  EXPECT_EQ(document()["failed_by"]["exit_code"], 30);
  EXPECT_THAT(text(), HasSubstr("and 10 more"));
}

TEST_F(SummaryTest, lists_the_five_slowest_attempts_longest_first) {
  begin("a; b; c; d; e; f; g");
  const std::vector<double> seconds{3, 9, 1, 7, 5, 8, 2};
  for (StepIndex step = 0; step < 7; ++step) {
    launch(step, 0);
    ended(step, seconds[step], 10);
  }
  std::vector<std::string> names;
  const auto slowest = document()["slowest"];
  for (const auto& one : slowest) names.push_back(one["step"]);
  EXPECT_THAT(names, ElementsAre("b", "f", "d", "e", "a"));
}

TEST_F(SummaryTest, tells_how_busy_the_slots_of_each_node_were_since_its_workers_joined) {
  begin("a; b; c; d");
  join(0, 0);
  launch(0, 0, 0, {0, 1});  // holds both slots for 5 s
  ended(0, 5, 5);
  join(1, 6);
  launch(1, 6, 1, {1});  // the slot without GPU, for 4 s
  ended(1, 4, 10, {}, StepState::succeeded, 1);
  const auto nodes = document()["nodes"];
  EXPECT_EQ(nodes[0]["gpu"], (json{{"slots", 2}, {"busy_s", 10.0}, {"available_s", 20.0}}));
  EXPECT_EQ(nodes[1]["gpu"], (json{{"slots", 1}, {"busy_s", 0.0}, {"available_s", 4.0}}));
  EXPECT_EQ(nodes[1]["cpu"], (json{{"slots", 1}, {"busy_s", 4.0}, {"available_s", 4.0}}));
  EXPECT_THAT(text(), HasSubstr("busy       n1: 2 GPU slots 50 %\n"));
  EXPECT_THAT(text(), HasSubstr("busy       n2: 1 GPU slot 0 %, 1 slot without GPU 100 %\n"));
  EXPECT_THAT(text(), HasSubstr("busy       all 3 GPU slots 42 %: 10s of 24s\n"));
}

TEST_F(SummaryTest, a_lost_worker_counts_until_it_was_lost_and_so_does_what_it_ran) {
  begin("a");
  join(0, 0);
  launch(0, 0);
  Decisions decisions;
  decisions.lost.push_back({0, 1, 0});
  settle(decisions, 0, StepState::failed);
  summary->on_fact(WorkerLost{0, "gone"}, decisions, 4);
  summary->on_time({}, 100);
  EXPECT_EQ(document()["nodes"][0]["gpu"], (json{{"slots", 2}, {"busy_s", 4.0}, {"available_s", 8.0}}));
  EXPECT_EQ(document()["lost_attempts"], 1);
  EXPECT_EQ(document()["failed"][0]["outcome"], "lost_with_worker");
  EXPECT_EQ(document()["failed"][0]["attempt"], 1);
  EXPECT_TRUE(summary->no_worker_left());
}

TEST_F(SummaryTest, some_worker_is_left_until_all_are_lost) {
  begin("a");
  EXPECT_FALSE(summary->no_worker_left());
  join(0, 0);
  join(1, 0);
  summary->on_fact(WorkerLost{0, "gone"}, {}, 1);
  EXPECT_FALSE(summary->no_worker_left());
  summary->on_fact(WorkerLost{1, "gone"}, {}, 1);
  EXPECT_TRUE(summary->no_worker_left());
}

TEST_F(SummaryTest, late_doubled_and_invented_ends_change_nothing) {
  begin("a; b");
  join(0, 0);
  launch(0, 0, 0, {0}, 2);
  const auto before = document();
  ended(0, 50, 0, {}, StepState::waiting, 0, 1);
  ended(0, 50, 0, {}, StepState::waiting, 7, 2);
  ended(1, 50, 0, {}, StepState::waiting);
  EXPECT_EQ(document(), before);
  EXPECT_THAT(document()["slowest"], IsEmpty());
}

TEST_F(SummaryTest, long_commands_and_odd_bytes_take_one_short_line) {
  GraphBuilder builder("steps");
  Step step;
  step.options = builder.intern({});
  step.is_argv = true;
  step.command = builder.store(std::string("echo\0a\nb\0", 9) + std::string(60, 'x') + "\xc3\xa9 and more\0");
  builder.add(step);
  Diagnostics mistakes;
  graph_ = builder.build(mistakes);
  summary = std::make_unique<Summary>(graph_, plan);
  launch(0, 0);
  ended(0, 1, 1);
  EXPECT_THAT(text(), HasSubstr("step 1 on n1: echo a\\nb " + std::string(60, 'x') + "...\n"));
  EXPECT_EQ(document()["slowest"][0]["command"], "echo a\\nb " + std::string(60, 'x') + "...");
}

TEST_F(SummaryTest, names_the_place_of_each_attempt_of_a_step_that_failed_again_and_again) {
  begin("a; b");
  launch(0, 0, 0, {1});
  ended(0, 1, 1, {OutcomeKind::exit_code, 3, ""}, StepState::waiting);
  launch(0, 1, 1, {0}, 2);
  ended(0, 1, 2, {OutcomeKind::exit_code, 3, ""}, StepState::failed, 1, 2);
  EXPECT_THAT(text(), HasSubstr("tried on slot 0 on n1 with GPU-1, then slot 0 on n2 with GPU-0\n"));
  launch(1, 2);
  ended(1, 1, 3, {OutcomeKind::exit_code, 3, ""}, StepState::failed);
  EXPECT_FALSE(document()["failed"][1].contains("tried_on")) << "it was tried once";
}

TEST_F(SummaryTest, counts_steps_that_succeeded_with_a_remark_and_tells_the_first) {
  begin("a; b; c");
  ended(0, 1, 1);
  EXPECT_THAT(text(), Not(HasSubstr("remark")));
  launch(1, 1);
  ended(1, 1, 2, {OutcomeKind::succeeded, 0, "its output is lost"});
  launch(2, 2);
  ended(2, 1, 3, {OutcomeKind::succeeded, 0, "its output, too"});
  EXPECT_THAT(text(), HasSubstr("2 steps succeeded with a remark; step b on n1: its output is lost\n"));
}

TEST_F(SummaryTest, remembers_who_stopped_the_run_and_tells_notes_and_trouble) {
  begin("a");
  summary->on_fact(StopRequested{StopKind::drain, "signal USR1", SIGUSR1}, {}, 1);
  end.trouble = "write /w: No space left on device";
  end.notes = {"2 steps were held back"};
  end.succeeded_before = 7;
  EXPECT_EQ(summary->stop_signal(), SIGUSR1);
  for (const auto* line : {"stopped    signal USR1\n", "trouble    write /w: No space left on device\n",
                           "note       2 steps were held back\n", "7 succeeded in an earlier life\n"}) {
    EXPECT_THAT(text(), HasSubstr(line));
  }
  EXPECT_EQ(document()["state"], "interrupted");
}

TEST_F(SummaryTest, while_the_run_goes_on_it_says_so_and_what_runs) {
  begin("a; b");
  end.running = true;
  end.counts.waiting = 1;
  end.counts.running = 1;
  EXPECT_EQ(document()["state"], "running");
  EXPECT_EQ(document()["exit_code"], nullptr);
  EXPECT_EQ(document()["steps"]["running"], 1);
}

TEST_F(SummaryTest, tells_all_in_one_last_line) {
  begin("a; b; c; d after b");
  join(0, 0);
  launch(0, 0);
  launch(1, 0, 0, {1});
  fail(1);  // at 1 s
  ended(0, 5, 5);
  launch(2, 5);
  ended(2, 1, 6, {OutcomeKind::exit_code, 3, ""}, StepState::failed);
  Decisions decisions;
  settle(decisions, 3, StepState::skipped, 1);
  summary->on_time(decisions, 10);
  end.exit_code = 1;
  EXPECT_EQ(summary->last_line(end, "chain.run"),
            "gradus: chain.run finished: 1 of 4 succeeded, 2 failed (exit code 3: b, ...), 1 skipped, 10s on 1 node, "
            "GPU slots 35 % busy; exit code 1; gradus status chain.run\n");
}

TEST_F(SummaryTest, the_last_line_stays_one_line_that_can_be_pasted_whatever_files_and_steps_are_called) {
  GraphBuilder builder("steps");
  Step step;
  step.options = builder.intern({});
  step.id = builder.store("a\nb" + std::string(80, 'x'));
  step.command = builder.store("false");
  builder.add(step);
  Diagnostics mistakes;
  graph_ = builder.build(mistakes);
  summary = std::make_unique<Summary>(graph_, plan);
  end.counts.waiting = 1;
  launch(0, 0);
  fail(0);
  const auto line = summary->last_line(end, "it's \x1b[31mmine.run");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, HasSubstr(": a\\nbxxx"));
  EXPECT_THAT(line, HasSubstr("xxx...)"));
  EXPECT_THAT(line, HasSubstr("; gradus status 'it'\\''s \\x1b[31mmine.run'\n"));
}

TEST(RunningSummary, says_that_the_run_is_not_over) {
  EXPECT_EQ(json::parse(summary_of_a_running_run())["state"], "running");
}

TEST(DurationText, has_two_numbers_at_most) {
  EXPECT_EQ(duration_text(0), "0.0s");
  EXPECT_EQ(duration_text(9.94), "9.9s");
  EXPECT_EQ(duration_text(9.96), "10s");
  EXPECT_EQ(duration_text(59.6), "1m 00s");
  EXPECT_EQ(duration_text(160), "2m 40s");
  EXPECT_EQ(duration_text(3599.7), "1h 00m");
  EXPECT_EQ(duration_text(3900), "1h 05m");
  EXPECT_EQ(duration_text(200000), "2d 07h");
}

class ExitCode : public testing::Test {
 protected:
  ExitCode() { end.counts.succeeded = 5; }
  void stop(StopKind kind, int signal = 0) {
    end.counts.waiting = 3;
    end.stop = kind;
    end.stop_signal = signal;
  }
  RunEnd end;
};

TEST_F(ExitCode, is_0_when_all_succeeded_even_if_a_stop_came_too_late) {
  EXPECT_EQ(exit_code(end), 0);
  end.stop = StopKind::drain;
  end.stop_signal = SIGINT;
  EXPECT_EQ(exit_code(end), 0);
}

TEST_F(ExitCode, is_1_when_some_failed_or_were_skipped) {
  end.counts.failed = 1;
  EXPECT_EQ(exit_code(end), 1);
  end.counts.failed = 0;
  end.counts.skipped = 1;
  EXPECT_EQ(exit_code(end), 1);
}

TEST_F(ExitCode, is_1_when_the_first_failure_stopped_the_run) {
  end.counts.failed = 1;
  end.counts.waiting = 3;
  EXPECT_EQ(exit_code(end), 1);
}

TEST_F(ExitCode, is_75_when_stopped_early_and_that_wins_over_failures) {
  end.counts.failed = 1;
  for (const int signal : {SIGTERM, SIGUSR1}) {
    stop(StopKind::drain, signal);
    EXPECT_EQ(exit_code(end), 75);
  }
}

TEST_F(ExitCode, is_75_when_stopped_for_time_but_1_when_this_life_achieved_nothing) {
  stop(StopKind::drain);
  end.stopped_for_time = true;
  EXPECT_EQ(exit_code(end), 1);
  end.succeeded_in_this_life = 1;
  EXPECT_EQ(exit_code(end), 75);
}

TEST_F(ExitCode, is_130_by_int) {
  stop(StopKind::finish, SIGINT);
  EXPECT_EQ(exit_code(end), 130);
}

TEST_F(ExitCode, is_3_when_the_machine_refused_or_no_worker_is_left) {
  stop(StopKind::drain, SIGTERM);
  end.machine_refused = true;
  EXPECT_EQ(exit_code(end), 3);
  end = {};
  end.counts.waiting = 3;
  EXPECT_EQ(exit_code(end), 3);
  end.counts.failed = 1;
  end.no_worker_left = true;
  EXPECT_EQ(exit_code(end), 3);
  stop(StopKind::cancel, SIGTERM);
  EXPECT_EQ(exit_code(end), 75) << "workers that went because the run was stopped are no fault of the machine";
}

}  // namespace
}  // namespace gradus
