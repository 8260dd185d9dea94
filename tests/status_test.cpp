#include "run/status.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "gradus/steps_file.h"
#include "run/explanation.h"
#include "run/seal.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A run as its journal tells it: two hosts with two GPU slots each.
class StatusTest : public testing::Test {
 protected:
  void SetUp() override {
    add(R"({"life":2,"t":1000.0,"gradus":"0.1.0","steps":"a.jsonl","count":)" + std::to_string(count()) +
        R"(,"host":"h1","pid":7,"argv":["gradus","run"]})");
    worker(1, "h1", 0, 0);
    worker(2, "h2", 1, 2);
  }
  virtual int count() const { return 6; }

  void add(std::string record) {
    seal_record(record, 0);
    const auto size = record.size();
    record.reserve(size + 128);
    ASSERT_EQ(records.read(record.data(), size, record.capacity()), size) << records.damage_in_words();
  }
  void worker(int number, const std::string& host, int node, int slot) {
    const auto one = [](int global, int index) {
      return R"({"slot":)" + std::to_string(global) + R"(,"thread":1,"gpus":["GPU-)" + std::to_string(index) +
             R"("],"cores":[0]})";
    };
    add(R"({"worker":)" + std::to_string(number) + R"(,"host":")" + host + R"(","node":)" + std::to_string(node) +
        R"(,"local_rank":0,"slots":[)" + one(slot, 0) + "," + one(slot + 1, 1) + "]}");
  }
  void launch(int step, double t, int on = 1, int slot = 0, int attempt = 1, const std::string& more = "") {
    add(R"({"launch":)" + std::to_string(step) + R"(,"t":)" + std::to_string(t) + R"(,"a":)" + std::to_string(attempt) +
        R"(,"worker":)" + std::to_string(on) + R"(,"slots":[)" + std::to_string(slot) + "]" + more +
        R"(,"key":"000000000000000)" + std::to_string(step) + R"(","digest":"1","id":"s)" + std::to_string(step) +
        "\"}");
  }
  void end(int step, double start, double stop, const std::string& outcome, const std::string& final_state,
           int attempt = 1) {
    add(R"({"end":)" + std::to_string(step) + R"(,"t":)" + std::to_string(stop) + R"(,"a":)" + std::to_string(attempt) +
        R"(,"worker":1,"outcome":")" + outcome + R"(","code":)" + (outcome == "succeeded" ? "0" : "3") +
        R"(,"start":)" + std::to_string(start) + R"(,"stop":)" + std::to_string(stop) + R"(,"user":0,"sys":0,"rss":1)" +
        (final_state.empty() ? "" : R"(,"final":")" + final_state + '"') + "}");
  }
  RunStatus status(double now = 1100, RunPulse pulse = RunPulse::runs) const {
    return status_of("a.run", chronicle, pulse, now);
  }
  std::string said(double now = 1100, RunPulse pulse = RunPulse::runs) const { return text(status(now, pulse), {}); }

  Chronicle chronicle;
  JournalRecords records{"j", chronicle};
};

TEST_F(StatusTest, tells_what_runs_where_and_for_how_long) {
  launch(1, 1010, 1, 0);
  launch(2, 1040, 2, 1);
  const auto now = status();
  ASSERT_EQ(now.running.size(), 2U);
  EXPECT_EQ(now.running[0].step, "s1");
  EXPECT_EQ(now.running[1].place, "h2 slot 3 GPU-1");
  EXPECT_THAT(said(), HasSubstr("s2  h2 slot 3 GPU-1  since "));
  EXPECT_THAT(said(), HasSubstr("(1m 00s)"));
  EXPECT_EQ(now.slots_there(), 4U);
  EXPECT_EQ(now.slots_busy(), 2U);
}

TEST_F(StatusTest, a_step_sent_ahead_to_a_busy_slot_waits_there_and_has_it_when_that_is_free) {
  launch(1, 1010);
  launch(2, 1011, 1, 0, 1, R"(,"waits":true)");
  EXPECT_TRUE(status().running[1].waits);
  EXPECT_THAT(said(), HasSubstr("and 1 short one waits at its slot"));
  end(1, 1010, 1090, "succeeded", "succeeded");
  EXPECT_FALSE(status().running[0].waits);
  EXPECT_DOUBLE_EQ(status().running[0].since, 1090);
}

TEST_F(StatusTest, lists_the_failed_ones_that_will_not_be_tried_again_the_latest_first) {
  launch(1, 1010);
  end(1, 1010, 1020, "exit_code", "failed");
  launch(2, 1020);
  end(2, 1020, 1030, "exit_code", "");
  launch(3, 1030);
  end(3, 1030, 1040, "exit_code", "failed");
  const auto now = status();
  ASSERT_EQ(now.failed.size(), 2U);
  EXPECT_EQ(now.failed[0].step, "s3");
  EXPECT_EQ(now.failed[1].what, "exit code 3");
  EXPECT_EQ(now.counts.waiting, 4U);
}

TEST_F(StatusTest, the_time_left_counts_what_runs_already_for_longer_than_others_took) {
  launch(1, 1000);
  end(1, 1000, 1001, "succeeded", "succeeded");
  EXPECT_LT(*status(1001).left_s, 3);
  launch(2, 1001);
  // One success in 100 s of work: 5 more of them on 4 slots.
  EXPECT_NEAR(*status(1100).left_s, 100 * 4 / 4.0, 1.1);
  add(R"({"stop":"drain","t":1100.0,"why":"signal USR1"})");
  EXPECT_FALSE(status(1100).left_s);
}

TEST_F(StatusTest, a_run_that_nobody_holds_and_nobody_ended_was_broken_off) {
  EXPECT_EQ(status(1100, RunPulse::broken_off).state, "broken off");
  EXPECT_EQ(status(1100, RunPulse::unknown).state, "unknown");
  EXPECT_EQ(status(1100, RunPulse::runs).state, "running");
  add(R"({"over":75,"t":1050.0,"succeeded":0,"failed":0,"skipped":0,"waiting":6})");
  EXPECT_EQ(status(1100, RunPulse::over).state, "stopped");
  EXPECT_THAT(said(1100, RunPulse::over), HasSubstr("exit code 75"));
}

TEST_F(StatusTest, nothing_runs_in_a_run_that_was_broken_off) {
  launch(1, 1010);
  launch(2, 1011, 1, 0, 1, R"(,"waits":true)");
  const auto broken = said(1100, RunPulse::broken_off);
  EXPECT_THAT(broken, HasSubstr("; 2 cut off, 4 waiting"));
  EXPECT_THAT(broken, HasSubstr("cut off    s1  h1 slot 0 GPU-0  since "));
  EXPECT_THAT(broken, HasSubstr("cut off    and 1 short one waited at its slot"));
  EXPECT_THAT(broken, Not(HasSubstr("running")));
  EXPECT_EQ(status(1100, RunPulse::broken_off).slots_busy(), 0U);
  EXPECT_EQ(status(1100, RunPulse::unknown).slots_busy(), 1U);
  EXPECT_EQ(end_in_words(chronicle, 0), "running");
  EXPECT_THAT(end_in_words(chronicle, 0, true), HasSubstr("not known"));
}

TEST_F(StatusTest, lost_ranks_and_bad_slots_are_named_and_count_no_more) {
  add(R"({"gone":2,"t":1050.0,"why":"no word for 60 s"})");
  add(R"({"quarantined":1,"t":1060.0,"worker":1,"host":"h1","gpus":["GPU-1"],"failures":3})");
  EXPECT_EQ(status().slots_there(), 1U);
  EXPECT_THAT(said(), HasSubstr("rank 2 on h2"));
  EXPECT_THAT(said(), HasSubstr("slot 1 on h1 with GPU-1"));
  EXPECT_THAT(said(), Not(HasSubstr("node       h2")));
}

TEST_F(StatusTest, what_is_left_out_is_counted) {
  for (int i = 1; i <= 4; ++i) launch(i, 1010, 1 + (i - 1) / 2, (i - 1) % 2);
  StatusView view;
  view.most_running = 1;
  EXPECT_THAT(text(status(), view), HasSubstr("and 3 more: --running shows all"));
}

TEST_F(StatusTest, the_json_says_the_same_with_a_version) {
  launch(1, 1010);
  const auto told = nlohmann::json::parse(json(status()));
  EXPECT_EQ(told["version"], 1);
  EXPECT_EQ(told["running"][0]["step"], "s1");
  EXPECT_EQ(told["steps"]["waiting"], 5);
  EXPECT_EQ(told["workers"][1]["slots"][0]["slot"], 2);
  EXPECT_EQ(told["slots"]["busy"], 1);
}

TEST_F(StatusTest, names_cannot_forge_lines_of_ours) {
  add(R"({"stop":"drain","t":1100.0,"why":"a\n  failed     all"})");
  EXPECT_THAT(said(), HasSubstr("a\\n  failed"));
}

std::shared_ptr<const Graph> graph_of(const std::string& lines) {
  auto steps = parse_steps("a.jsonl", std::make_shared<const std::string>(lines), StepsFormat::json_lines,
                           [](std::string_view) { return false; });
  EXPECT_THAT(steps.mistakes, IsEmpty());
  return steps.graph;
}

class ExplanationTest : public StatusTest {
 protected:
  std::vector<std::string> why(const std::string& step, RunPulse pulse = RunPulse::runs) const {
    const auto now = status(1100, pulse);
    return Explanation(now, chronicle, *graph).of_step(graph->find(step));
  }
  std::vector<std::string> of_run(RunPulse pulse = RunPulse::runs) const {
    const auto now = status(1100, pulse);
    return Explanation(now, chronicle, *graph).of_run();
  }
  std::shared_ptr<const Graph> graph = graph_of(R"({"id":"s1","command":"x %(GPU)s"}
{"id":"s2","command":"x %(GPU)s","needs":["s1"]}
{"id":"s3","command":"x %(GPU)s","needs":["s2"]}
{"id":"s4","command":"x","gpus":2}
{"id":"s5","command":"x","priority":5}
{"id":"s6","command":"x"}
)");
};

TEST_F(ExplanationTest, a_step_waits_for_what_it_needs_and_in_the_end_for_what_runs) {
  launch(1, 1010);
  EXPECT_THAT(why("s3"), ElementsAre("it needs s2, which waits itself", HasSubstr("in the end for s1, which runs on h1 "
                                                                                  "slot 0 GPU-0 since")));
  EXPECT_THAT(why("s2"), ElementsAre(HasSubstr("it needs s1, which runs on h1")));
}

TEST_F(ExplanationTest, of_a_run_that_was_broken_off_is_in_the_past) {
  launch(1, 1010);
  EXPECT_THAT(why("s1", RunPulse::broken_off), ElementsAre("it was on h1 slot 0 GPU-0 when the run was broken off"));
  EXPECT_THAT(why("s3", RunPulse::broken_off).back(), HasSubstr("s1, which was on h1"));
}

TEST_F(ExplanationTest, a_skipped_step_names_the_failure) {
  launch(1, 1010);
  end(1, 1010, 1020, "exit_code", "failed");
  add(R"({"settled":2,"t":1020.0,"state":"skipped","because":1})");
  EXPECT_THAT(why("s2"), ElementsAre("it was skipped because of s1, which has failed: exit code 3 on h1 slot 0 GPU-0"));
}

TEST_F(ExplanationTest, a_step_that_could_start_says_who_goes_first) {
  for (int i = 0; i < 1; ++i) launch(1, 1010);
  EXPECT_THAT(why("s6"),
              ElementsAre(HasSubstr("1 of 4 slots are busy, and 2 steps that could start go before it (1 by a "
                                    "higher priority)")));
}

TEST_F(ExplanationTest, a_step_that_no_rank_can_hold_any_more_is_said) {
  add(R"({"gone":2,"t":1050.0,"why":"x"})");
  EXPECT_THAT(why("s4"), ElementsAre(Not(HasSubstr("no rank that is left"))));
  add(R"({"quarantined":1,"t":1060.0,"worker":1,"host":"h1","gpus":["GPU-1"],"failures":3})");
  EXPECT_THAT(why("s4"),
              ElementsAre("it asks for 2 GPUs of one rank, and no rank that is left has that: 1 rank lost, 1 "
                          "slot quarantined"));
}

TEST_F(ExplanationTest, a_run_that_does_not_go_on_is_the_first_reason) {
  add(R"({"stop":"drain","t":1040.0,"why":"signal USR1"})");
  EXPECT_THAT(why("s6").front(), HasSubstr("stopping (signal USR1)"));
  add(R"({"over":75,"t":1050.0,"succeeded":0,"failed":0,"skipped":0,"waiting":6})");
  EXPECT_THAT(why("s6", RunPulse::over).front(), HasSubstr("not going on: stopped"));
}

TEST_F(ExplanationTest, a_retry_waits_for_its_back_off) {
  launch(6, 1010);
  end(6, 1010, 1020, "exit_code", "");
  EXPECT_THAT(why("s6"), ElementsAre(HasSubstr("attempt 1 on h1 slot 0 GPU-0: exit code 3; the next waits")))
      << "slots are free: it does not wait for one";
  launch(1, 1010);
  launch(4, 1010, 1, 1);
  launch(5, 1010, 2, 0);
  launch(2, 1010, 2, 1);
  EXPECT_THAT(why("s6").back(), HasSubstr("waits for a slot: 4 of 4 slots are busy"));
}

TEST_F(ExplanationTest, after_on_error_stop_the_policy_and_the_first_failure_are_named) {
  launch(6, 1010);
  end(6, 1010, 1020, "exit_code", "failed");
  EXPECT_THAT(why("s5"), ElementsAre(HasSubstr("it could start"))) << "it goes on with what does not need it";
  add(R"({"stop":"error","t":1020.0,"why":"--on-error stop: s6 has failed","step":6})");
  EXPECT_THAT(why("s5"), ElementsAre(HasSubstr("the run is stopping (--on-error stop, for s6, which has failed: exit "
                                               "code 3 on h1 slot 0 GPU-0): nothing new is started")));
  EXPECT_THAT(said(), HasSubstr("  error      "));
  add(R"({"over":1,"t":1050.0,"succeeded":0,"failed":1,"skipped":0,"waiting":5})");
  const auto policy = HasSubstr("--on-error stop, for s6, which has failed: exit code 3");
  EXPECT_THAT(why("s5", RunPulse::over), ElementsAre(HasSubstr("not going on: stopped"), policy));
  EXPECT_THAT(of_run(RunPulse::over)[1], policy);
}

TEST_F(ExplanationTest, on_error_stop_is_known_while_the_run_ends_and_not_before_a_step_has_failed) {
  add(R"({"life":2,"t":1000.0,"gradus":"0.1.0","steps":"a.jsonl","count":6,"host":"h1","pid":7,"argv":["gradus","run","--on-error","stop"],"until":1200.0})");
  worker(1, "h1", 0, 0);
  launch(6, 1010);
  EXPECT_THAT(why("s5"), ElementsAre(HasSubstr("it could start"))) << "nothing has failed yet";
  end(6, 1010, 1020, "exit_code", "failed");
  add(R"({"stop":"error","t":1020.0,"why":"--on-error stop: s6 has failed","step":6})");
  EXPECT_THAT(why("s5"), ElementsAre(HasSubstr("--on-error stop, for s6, which has failed")));
}

TEST_F(ExplanationTest, a_run_that_ended_for_want_of_slots_was_not_stopped_by_a_failure) {
  launch(6, 1010);
  end(6, 1010, 1020, "exit_code", "failed");
  for (const char* slot : {R"(1,"t":1060.0,"worker":1)", R"(2,"t":1060.0,"worker":2)"}) {
    add(std::string(R"({"quarantined":)") + slot + R"(,"host":"h1","gpus":["GPU-1"],"failures":3})");
  }
  add(R"({"over":1,"t":1070.0,"succeeded":4,"failed":1,"skipped":0,"waiting":1})");
  EXPECT_THAT(why("s4", RunPulse::over),
              ElementsAre(HasSubstr("not going on: stopped"),
                          HasSubstr("no rank that is left has that: 0 ranks lost, 2 slots quarantined")));
}

class LimitTest : public ExplanationTest {
 protected:
  void SetUp() override {
    add(R"({"life":2,"t":1000.0,"gradus":"0.1.0","steps":"a.jsonl","count":6,"host":"h1","pid":7,"argv":[],"until":1200.0})");
    worker(1, "h1", 0, 0);
  }
};

TEST_F(LimitTest, a_step_that_may_take_longer_than_the_limit_leaves_is_said_to_be_left) {
  EXPECT_THAT(said(), HasSubstr("in 1m 40s"));
  EXPECT_THAT(why("s6"), ElementsAre(HasSubstr("it could start"))) << "nothing is known of how long it takes";
  launch(6, 1000);
  end(6, 1000, 1060, "succeeded", "succeeded");
  launch(5, 1060);
  end(5, 1060, 1061, "exit_code", "");
  // One like it took 60 s: it may take twice as long.
  EXPECT_THAT(why("s5").back(), HasSubstr("it may take 2m 00s by what steps like it took, and what runs is ended"));
}

TEST_F(LimitTest, what_the_limit_has_left_is_counted_and_not_said_to_start) {
  add(R"({"over":75,"t":1190.0,"succeeded":0,"failed":0,"skipped":0,"waiting":6})");
  EXPECT_THAT(of_run(RunPulse::over),
              testing::Contains(HasSubstr("2 steps that ask for a slot are left to --resume for the time limit (")));
  EXPECT_THAT(of_run(RunPulse::over), testing::Each(Not(HasSubstr("could start"))));
}

TEST_F(LimitTest, of_a_step_without_a_cost_nothing_is_said_that_is_not_known) {
  const auto now = status_of("a.run", chronicle, RunPulse::runs, 1201);
  const auto reasons = Explanation(now, chronicle, *graph).of_step(graph->find("s6"));
  EXPECT_THAT(reasons, ElementsAre(HasSubstr("what runs is ended")));
  EXPECT_THAT(reasons[0], Not(HasSubstr("by its cost")));
}

TEST_F(ExplanationTest, the_run_tells_what_its_idle_slots_wait_for) {
  launch(1, 1010);
  launch(4, 1010, 2);
  launch(5, 1010, 2, 1);
  launch(6, 1010, 1, 1);
  EXPECT_THAT(of_run(),
              ElementsAre("4 of 4 slots are busy", HasSubstr("2 steps wait for s1, which runs on h1 slot 0")));
}

TEST_F(ExplanationTest, a_step_kept_from_an_earlier_life_is_said_to_have_succeeded) {
  add(R"({"kept":1,"t":1000.0,"ranges":[1,1]})");
  EXPECT_THAT(why("s1"), ElementsAre("it succeeded in an earlier life"));
  EXPECT_THAT(why("s2"), ElementsAre(HasSubstr("it could start")));
}

TEST_F(ExplanationTest, steps_of_another_life_are_refused) {
  graph = graph_of(R"({"id":"s1","command":"x"})");
  EXPECT_THROW(why("s1"), std::invalid_argument);
}

class BarrierTest : public ExplanationTest {
 protected:
  int count() const override { return 3; }
};

TEST_F(BarrierTest, behind_a_barrier_the_steps_that_it_waits_for_are_named) {
  auto steps = parse_steps("a.txt", std::make_shared<const std::string>("one\ntwo\n#GRADUS barrier\nthree\n"),
                           StepsFormat::text, [](std::string_view) { return false; });
  ASSERT_TRUE(steps.graph);
  graph = steps.graph;
  launch(1, 1010);
  end(1, 1010, 1020, "succeeded", "succeeded");
  launch(2, 1010, 1, 1);
  EXPECT_THAT(why("3").front(), HasSubstr("it needs a barrier, which waits for 1 step: 2 runs on h1 slot 1"));
}

TEST_F(ExplanationTest, the_story_of_a_step_has_its_command_attempts_and_reasons) {
  launch(1, 1010);
  end(1, 1010, 1020, "exit_code", "failed");
  const auto now = status();
  const StepStory story(now, chronicle, graph, "nowhere", "s1");
  ASSERT_TRUE(story.found());
  EXPECT_THAT(story.text(), HasSubstr("step s1 (line 1): x %(GPU)s\n  state      failed"));
  const auto told = nlohmann::json::parse(story.json());
  EXPECT_EQ(told["state"], "failed");
  EXPECT_FALSE(StepStory(now, chronicle, graph, "nowhere", "s9").found());
  EXPECT_FALSE(StepStory(now, chronicle, nullptr, "nowhere", "s9").found());
  EXPECT_TRUE(StepStory(now, chronicle, nullptr, "nowhere", "s1").found());
}

}  // namespace
}  // namespace gradus
