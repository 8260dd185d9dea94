#include "gradus/simulated_cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "gradus/run_loop.h"
#include "support/builders.h"
#include "support/referee.h"

namespace gradus::support {
namespace {

constexpr double for_ever = std::numeric_limits<double>::infinity();

SimulatedWorker worker(WorkerId id, const std::string& slots, double joins_at = 0, double lost_at = for_ever) {
  return {id, Machine().worker("n", slots), joins_at, lost_at};
}
Simulation with(std::vector<SimulatedWorker> workers) {
  Simulation simulation;
  simulation.workers = std::move(workers);
  return simulation;
}
LaunchAttempt launch(StepIndex step, WorkerId on, std::vector<std::uint32_t> slots, std::uint32_t attempt = 1) {
  return {step, attempt, on, std::move(slots), {}};
}

/// `joined 0`, `0.1 succeeded`, `lost 0`, `stop`, with the time before.
std::string told(const Fact& fact) {
  if (const auto* join = std::get_if<WorkerJoined>(&fact)) return "joined " + std::to_string(join->worker);
  if (const auto* lost = std::get_if<WorkerLost>(&fact)) return "lost " + std::to_string(lost->worker);
  if (const auto* end = std::get_if<AttemptEnded>(&fact)) {
    return std::to_string(end->step) + "." + std::to_string(end->attempt) + " " + word(end->result.outcome.kind);
  }
  return "stop";
}

/// What the next wait brings: the time, then each fact.
std::vector<std::string> next(SimulatedCluster& cluster, double until = for_ever) {
  std::vector<Fact> facts;
  cluster.wait(until, facts);
  std::vector<std::string> lines{"at " + std::to_string(static_cast<int>(cluster.now()))};
  for (const auto& fact : facts) lines.push_back(told(fact));
  return lines;
}
using Lines = std::vector<std::string>;

TEST(SimulatedCluster, tells_of_the_workers_first_and_says_which_is_the_last) {
  SimulatedCluster cluster(graph("a"), with({worker(0, "-"), worker(1, "-"), worker(2, "-", 5)}));
  std::vector<Fact> facts;
  cluster.wait(for_ever, facts);
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_TRUE(std::get<WorkerJoined>(facts[0]).more_follow);
  EXPECT_FALSE(std::get<WorkerJoined>(facts[1]).more_follow);
  EXPECT_EQ(next(cluster), (Lines{"at 5", "joined 2"}));
}

TEST(SimulatedCluster, ends_attempts_in_order_of_time_as_the_model_says) {
  auto simulation = with({worker(0, "- -")});
  simulation.model = [](StepIndex step, std::uint32_t) {
    return SimulatedAttempt{step == 0 ? 7.0 : 3.0,
                            {step == 0 ? OutcomeKind::succeeded : OutcomeKind::exit_code, 1, ""}};
  };
  SimulatedCluster cluster(graph("a; b"), simulation);
  next(cluster);
  cluster.perform(launch(0, 0, {0}));
  cluster.perform(launch(1, 0, {1}));
  EXPECT_EQ(next(cluster, 2), (Lines{"at 2"}));
  EXPECT_EQ(next(cluster), (Lines{"at 3", "1.1 exit_code"}));
  EXPECT_EQ(next(cluster), (Lines{"at 7", "0.1 succeeded"}));
}

TEST(SimulatedCluster, takes_durations_from_the_graph_when_there_is_no_model_and_keeps_time_limits) {
  SimulatedCluster cluster(graph("a cost=4; b cost=9 timeout=6"), with({worker(0, "- -")}));
  next(cluster);
  cluster.perform(launch(0, 0, {0}));
  cluster.perform(launch(1, 0, {1}));
  EXPECT_EQ(next(cluster), (Lines{"at 4", "0.1 succeeded"}));
  EXPECT_EQ(next(cluster), (Lines{"at 6", "1.1 timed_out"}));
}

TEST(SimulatedCluster, refuses_a_slot_that_is_taken_until_its_attempt_has_ended) {
  SimulatedCluster cluster(graph("a; b"), with({worker(0, "- -")}));
  next(cluster);
  cluster.perform(launch(0, 0, {0, 1}));
  EXPECT_THROW(cluster.perform(launch(1, 0, {1})), std::logic_error);
  EXPECT_THROW(cluster.perform(launch(1, 0, {2})), std::logic_error);
  EXPECT_THROW(cluster.perform(launch(1, 8, {0})), std::logic_error);
  next(cluster);
  EXPECT_NO_THROW(cluster.perform(launch(1, 0, {1})));
}

TEST(SimulatedCluster, ends_a_killed_attempt_as_cancelled_within_the_grace) {
  auto simulation = with({worker(0, "- -")});
  simulation.faults.kill_grace_s = 5;
  SimulatedCluster cluster(graph("a cost=100; b cost=100"), simulation);
  next(cluster);
  cluster.perform(launch(0, 0, {0}));
  cluster.perform(launch(1, 0, {1}));
  cluster.perform(KillAttempt{0, 1, 0, false});
  cluster.perform(KillAttempt{1, 1, 0, true});
  EXPECT_EQ(next(cluster), (Lines{"at 0", "1.1 cancelled"}));
  std::vector<Fact> facts;
  cluster.wait(for_ever, facts);
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(told(facts[0]), "0.1 cancelled");
  EXPECT_GT(cluster.now(), 0);
  EXPECT_LE(cluster.now(), 5);
}

TEST(SimulatedCluster, says_nothing_more_of_attempts_that_went_with_their_worker) {
  SimulatedCluster cluster(graph("a cost=9; b cost=20"), with({worker(0, "-", 0, 5), worker(1, "-")}));
  next(cluster);
  cluster.perform(launch(0, 0, {0}));
  cluster.perform(launch(1, 1, {0}));
  EXPECT_EQ(next(cluster), (Lines{"at 5", "lost 0"}));
  cluster.perform(launch(0, 0, {0}, 2));  // sent before the loss was noticed: it reaches nobody
  EXPECT_EQ(next(cluster), (Lines{"at 20", "1.1 succeeded"}));
  EXPECT_EQ(cluster.statistics().gone, 2U);
}

TEST(SimulatedCluster, gives_no_more_facts_at_once_than_asked_for) {
  auto simulation = with({worker(0, "-"), worker(1, "-")});
  simulation.facts_per_wait = 1;
  SimulatedCluster cluster(graph("a"), simulation);
  EXPECT_EQ(next(cluster), (Lines{"at 0", "joined 0"}));
  EXPECT_EQ(next(cluster), (Lines{"at 0", "joined 1"}));
}

TEST(SimulatedCluster, keeps_the_order_of_one_workers_messages_however_late_they_are) {
  auto simulation = with({worker(0, "- - - - - - - -")});
  simulation.faults.message_delay_s = 50;
  SimulatedCluster cluster(graph("a cost=1; b cost=2; c cost=3; d cost=4; e cost=5; f cost=6"), simulation);
  next(cluster);
  for (StepIndex step = 0; step < 6; ++step) cluster.perform(launch(step, 0, {step}));
  std::vector<Fact> facts;
  while (facts.size() < 6) cluster.wait(for_ever, facts);
  for (StepIndex step = 0; step < 6; ++step) EXPECT_EQ(std::get<AttemptEnded>(facts[step]).step, step);
}

TEST(SimulatedCluster, requests_stops_at_their_time) {
  auto simulation = with({worker(0, "-")});
  simulation.stops = {{4, StopRequested{StopKind::drain, "test", 0}}};
  SimulatedCluster cluster(graph("a"), simulation);
  next(cluster);
  EXPECT_EQ(next(cluster), (Lines{"at 4", "stop"}));
}

TEST(SimulatedCluster, waiting_for_nothing_is_a_failure_and_not_a_hang) {
  SimulatedCluster cluster(graph("a"), with({worker(0, "-")}));
  next(cluster);
  EXPECT_EQ(next(cluster, 3), (Lines{"at 3"}));
  EXPECT_THROW(next(cluster), std::runtime_error);
}

TEST(SimulatedCluster, a_loop_that_makes_no_progress_reaches_the_event_limit) {
  auto simulation = with({worker(0, "-")});
  simulation.event_limit = 100;
  SimulatedCluster cluster(graph("a"), simulation);
  const auto wait_in_vain = [&] {
    for (int i = 0; i < 1000; ++i) next(cluster, 0);
  };
  EXPECT_THROW(wait_in_vain(), std::runtime_error);
}

TEST(SimulatedCluster, draws_failures_losses_and_late_joins_from_the_seed_alone) {
  const auto story = [](std::uint64_t seed) {
    auto simulation = with({worker(0, "-"), worker(1, "-"), worker(2, "-")});
    simulation.faults.seed = seed;
    simulation.faults.worker_loss = simulation.faults.late_join = 0.5;
    SimulatedCluster cluster(graph("a"), simulation);
    Lines all;
    for (int i = 0; i < 3; ++i) {
      for (auto& line : next(cluster, 200)) all.push_back(line);
    }
    return all;
  };
  EXPECT_EQ(story(5), story(5));
  EXPECT_NE(story(5), story(6));
}

// ---- the real scheduler and the real loop, at sizes no machine here has ----------------------

/// Chains of ten steps, every third step with a GPU mark.
std::shared_ptr<const Graph> many_steps(std::uint32_t count) {
  GraphBuilder builder("many");
  const auto options = builder.intern({});
  const auto command = builder.store("true");
  for (std::uint32_t i = 0; i < count; ++i) {
    Step step;
    step.command = command;
    step.options = options;
    step.has_gpu_mark = i % 3 == 0;
    step.cost = static_cast<float>(1 + i % 7);
    const auto index = builder.add(step);
    if (i % 10 != 0) builder.need(index, builder.store(std::to_string(i)), 1, 1);
  }
  Diagnostics mistakes;
  return builder.build(mistakes);
}

SimulatedCluster::Statistics run_to_the_end(std::uint32_t steps) {
  const auto many = many_steps(steps);
  Simulation simulation;
  Machine machine;
  for (WorkerId id = 0; id < 500; ++id) {
    simulation.workers.push_back({id, machine.worker("n" + std::to_string(id), "0 1 2 3 - - - -")});
  }
  Scheduler scheduler(many, {});
  SimulatedCluster cluster(many, std::move(simulation));
  run_loop(scheduler, cluster, {});
  EXPECT_EQ(scheduler.counts().succeeded, steps);
  EXPECT_EQ(scheduler.sanity_check(), "");
  return cluster.statistics();
}

TEST(LargeRuns, two_hundred_thousand_steps_on_four_thousand_slots_come_to_their_end) {
  const auto statistics = run_to_the_end(200000);
  EXPECT_EQ(statistics.launched, 200000U);
  EXPECT_EQ(statistics.ended, 200000U);
}

TEST(LargeRuns, twice_the_steps_are_twice_the_events_and_no_more) {
  const auto once = run_to_the_end(20000);
  const auto twice = run_to_the_end(40000);
  EXPECT_EQ(twice.events - once.events, 20000U);
  EXPECT_EQ(twice.launched, 2 * once.launched);
}

TEST(SimulatedCluster, loses_messages_which_stops_the_run_unless_it_was_a_beat) {
  const auto steps = graph("a cost=3; b after a cost=50");
  std::set<std::pair<bool, std::uint64_t>> unstopped, stopped;  // was anything lost, and how many succeeded
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    auto simulation = with({worker(1, "- -")});
    simulation.faults.seed = seed;
    simulation.faults.message_loss = 0.05;
    simulation.event_limit = 10000;
    Scheduler scheduler(steps, {});
    SimulatedCluster cluster(steps, simulation);
    run_loop(scheduler, cluster, {});
    auto& seen = scheduler.stop_kind() == StopKind::none ? unstopped : stopped;
    seen.insert({cluster.statistics().unheard > 0, scheduler.counts().succeeded});
  }
  using testing::Pair;
  EXPECT_THAT(unstopped, testing::UnorderedElementsAre(Pair(false, 2U), Pair(true, 2U)));
  EXPECT_THAT(stopped, testing::UnorderedElementsAre(Pair(true, 0U), Pair(true, 1U)));
}

// ---- the referee sees what is wrong ---------------------------------------------------------

/// A referee watching a game of which every move is made by hand.
class RefereeTest : public testing::Test {
 protected:
  void given(const std::string& steps, const std::string& slots, SchedulerOptions options = {}) {
    graph_ = graph(steps);
    scheduler_.emplace(graph_, options);
    referee_.emplace(graph_, options, *scheduler_);
    WorkerJoined joined{0, Machine().worker("n", slots), false};
    happens(joined);
  }
  void happens(const Fact& fact, Decisions decisions = {}) { referee_->on_fact(fact, decisions, 0); }
  void launched(std::vector<LaunchAttempt> launches) {
    Decisions decisions;
    decisions.launches = std::move(launches);
    happens(WorkerLost{99, "nobody"}, decisions);
  }
  Fact ended(StepIndex step, OutcomeKind kind = OutcomeKind::succeeded, std::uint32_t attempt = 1) {
    AttemptEnded fact{step, attempt, 0, {}};
    fact.result.outcome.kind = kind;
    return fact;
  }
  void expect_complaint(const std::string& words) { EXPECT_THAT(referee_->report(), testing::HasSubstr(words)); }

  std::shared_ptr<const Graph> graph_;
  std::optional<Scheduler> scheduler_;
  std::optional<Referee> referee_;
};

TEST_F(RefereeTest, sees_a_launch_before_the_prerequisites) {
  given("a; b after a", "- -");
  launched({launch(0, 0, {0}), launch(1, 0, {1})});
  expect_complaint("b launched before its prerequisites");
}
TEST_F(RefereeTest, sees_two_attempts_on_one_slot_and_two_of_one_step) {
  given("a; b", "- -");
  launched({launch(0, 0, {0}), launch(1, 0, {0}), launch(0, 0, {1}, 2)});
  expect_complaint("b launched on the slot of a");
  expect_complaint("a launched although an attempt of it lives");
}
TEST_F(RefereeTest, sees_a_wrong_number_of_gpus_and_one_given_twice) {
  given("a gpus=2", "0 0 1");
  auto wrong = launch(0, 0, {0, 1});
  wrong.gpus = {{0, 0}, {1, 0}};
  launched({wrong});
  expect_complaint("a did not get what it asked for");
}
TEST_F(RefereeTest, sees_a_try_too_many_and_a_wrong_number) {
  given("a retries=0; b", "-");
  launched({launch(0, 0, {0}, 2)});
  expect_complaint("a: attempts are not numbered 1, 2, 3");
  happens(ended(0, OutcomeKind::exit_code, 2));
  expect_complaint("a is failed, but that was not said");
  launched({launch(0, 0, {0}, 2)});
  expect_complaint("a launched without a try left");
}
TEST_F(RefereeTest, sees_a_launch_after_a_stop_and_a_kill_without_one) {
  given("a", "-");
  Decisions kill;
  kill.kills = {{0, 1, 0, false}};
  happens(WorkerLost{99, "nobody"}, kill);
  expect_complaint("killed without a reason");
  happens(StopRequested{StopKind::drain, "", 0});
  launched({launch(0, 0, {0})});
  expect_complaint("a launched after a stop");
}
TEST_F(RefereeTest, sees_a_retry_on_the_same_slot_although_another_is_there) {
  given("a retries=1", "- -");
  launched({launch(0, 0, {0})});
  Decisions again;
  again.launches = {launch(0, 0, {0}, 2)};
  happens(ended(0, OutcomeKind::signal), again);
  expect_complaint("a's retry went to a slot where it failed, though another is there");
}
TEST_F(RefereeTest, sees_a_cpu_only_step_on_a_gpu_slot_that_another_wants) {
  given("a; b gpu", "0");
  launched({launch(0, 0, {0})});
  expect_complaint("a is CPU-only and took a GPU slot that b wants");
}
TEST_F(RefereeTest, sees_a_slot_that_idles_and_a_run_that_ends_too_early) {
  given("a; b", "- -");
  launched({launch(0, 0, {0})});
  expect_complaint("a slot idles, though b could run there");
  referee_->final_whistle();
  expect_complaint("the run is over, but a runs");
}
TEST_F(RefereeTest, sees_a_step_skipped_without_a_failure_and_one_that_is_not_skipped) {
  given("a; b after a; c", "-");
  launched({launch(0, 0, {0})});
  Decisions wrong;
  wrong.settled = {{0, StepState::failed, no_step}, {2, StepState::skipped, 0}};
  happens(ended(0, OutcomeKind::exit_code), wrong);
  expect_complaint("c is said to be skipped without a reason");
  expect_complaint("b is skipped, but that was not said");
}
TEST_F(RefereeTest, sees_an_action_that_was_not_recorded_first) {
  given("a", "-");
  launched({launch(0, 0, {0})});
  referee_->sees(launch(0, 0, {0}));
  expect_complaint("a is launched before it was recorded");
}
TEST_F(RefereeTest, sees_a_wrong_order_among_equals) {
  given("a; b priority=1", "-");
  launched({launch(0, 0, {0})});
  expect_complaint("a was launched and b, which comes before it, was not");
}

}  // namespace
}  // namespace gradus::support
