#include "sim/prediction.h"

#include <gtest/gtest.h>

#include "support/builders.h"

namespace gradus::support {
namespace {

Workers workers_of(const std::vector<std::string>& all) {
  Machine machine;
  Workers workers;
  for (const auto& slots : all) {
    const auto number = static_cast<WorkerId>(workers.size() + 1);
    workers.emplace_back(number, machine.worker("n" + std::to_string(number), slots));
  }
  return workers;
}

Prediction prediction_of(const std::string& steps, const std::vector<std::string>& workers,
                         const PredictionOptions& options = {}) {
  const auto all = graph(steps);
  return predict(all, workers_of(workers), expect_durations(*all, {}, {}), options);
}

TEST(Prediction, of_a_chain_and_two_steps_beside_it) {
  const auto p = prediction_of("a cost=2; b after a cost=3; c cost=4; d cost=1", {"- -"});
  EXPECT_DOUBLE_EQ(p.makespan_s, 5);
  EXPECT_DOUBLE_EQ(p.bound.seconds(), 5);
  EXPECT_DOUBLE_EQ(p.cpu_use(), 1);
  EXPECT_DOUBLE_EQ(p.tail_s(), 0);
  EXPECT_EQ(p.counts.succeeded, 4U);
  EXPECT_EQ(p.nodes, 1U);
}

TEST(Prediction, tells_kinds_of_slots_apart_and_counts_held_slots_as_busy) {
  const auto p = prediction_of("a gpus=2 cost=4; b cost=1", {"0 1 -"});
  EXPECT_DOUBLE_EQ(p.gpu_busy_s, 8);
  EXPECT_DOUBLE_EQ(p.cpu_busy_s, 1);
  EXPECT_DOUBLE_EQ(p.cpu_use(), 0.25);
}

TEST(Prediction, counts_the_slots_of_all_nodes_that_a_step_holds) {
  EXPECT_DOUBLE_EQ(prediction_of("a nodes=2 cost=3", {"0 -", "0 -"}).gpu_busy_s, 6);
}

TEST(Prediction, the_tail_begins_when_fewer_than_nine_tenths_are_busy_for_good) {
  const auto p = prediction_of("a cost=10; b cost=4; c cost=2; d after c cost=2", {"- - -"});
  EXPECT_DOUBLE_EQ(p.makespan_s, 10);
  EXPECT_DOUBLE_EQ(p.full_until_s, 4);
}

TEST(Prediction, without_enough_work_all_is_tail) { EXPECT_DOUBLE_EQ(prediction_of("a cost=3", {"- -"}).tail_s(), 3); }

TEST(Prediction, leaves_out_what_succeeded_before) {
  PredictionOptions options;
  options.succeeded_before = {true, false};
  const auto p = prediction_of("a cost=5; b after a cost=3", {"-"}, options);
  EXPECT_DOUBLE_EQ(p.makespan_s, 3);
  EXPECT_DOUBLE_EQ(p.bound.seconds(), 3);
}

TEST(Prediction, sees_time_limits_that_are_too_short) {
  const auto p = prediction_of("a cost=5 timeout=2; b after a cost=3; c cost=1", {"- -"});
  EXPECT_EQ(p.counts.failed, 1U);
  EXPECT_EQ(p.counts.skipped, 1U);
  EXPECT_DOUBLE_EQ(p.makespan_s, 2);
}

TEST(Prediction, delayed_words_lengthen_a_chain_by_no_more_than_the_delay_for_each_step) {
  PredictionOptions options;
  options.message_delay_s = 0.5;
  const auto p = prediction_of("a cost=1; b after a cost=1; c after b cost=1", {"-"}, options);
  EXPECT_GT(p.makespan_s, 3);
  EXPECT_LE(p.makespan_s, 4.5);
}

TEST(ExpectedDurations, come_from_the_cost_then_from_the_step_itself_then_from_its_shape_then_from_a_guess) {
  GraphBuilder builder("f");
  const auto add = [&](const char* command, float cost) {
    Step step;
    step.command = command;
    step.cost = cost;
    step.options = builder.intern({});
    builder.add(step);
  };
  add("align m1.mrc", 7);
  add("align m2.mrc", -1);
  add("align m3.mrc", -1);
  add("other", -1);
  Diagnostics mistakes;
  const auto all = builder.build(mistakes);
  DurationModel learnt;
  learnt.observe(command_shape("align m9.mrc"), 3);
  learnt.observe(command_shape("align m9.mrc"), 5);
  learnt.observe(command_shape("third"), 13);
  const std::vector<double> own{-1, 2, -1, -1};
  const auto expected = expect_durations(*all, learnt, own);
  EXPECT_EQ(expected.seconds, (std::vector<float>{7, 2, 4, 7}));
  EXPECT_EQ(expected.by_cost, 1U);
  EXPECT_EQ(expected.learnt, 2U);
  EXPECT_EQ(expected.guessed, 1U);
  EXPECT_DOUBLE_EQ(expected.guess_s, 7);
}

TEST(ExpectedDurations, are_a_second_when_nothing_is_known) {
  const auto all = graph("a; b");
  const auto expected = expect_durations(*all, {}, {});
  EXPECT_EQ(expected.seconds, (std::vector<float>{1, 1}));
  EXPECT_EQ(expected.guessed, 2U);
}

}  // namespace
}  // namespace gradus::support
