#include "gradus/run_loop.h"

#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>

#include "gradus/simulated_cluster.h"
#include "gradus/steps_file.h"

namespace gradus {
namespace {

std::shared_ptr<const Graph> graph_of(const std::string& lines) {
  return parse_steps("f", std::make_shared<const std::string>(lines), StepsFormat::text, nullptr).graph;
}

/// One slot; every launched attempt succeeds at the next wait. Notes what it is told.
class OneSlot : public Cluster {
 public:
  explicit OneSlot(std::vector<std::string>& story) : story_(story) {
    facts_.push_back(WorkerJoined{0, {0, {{{}, {0}}}}});
  }
  void perform(const LaunchAttempt& launch) override {
    story_.push_back("launch " + std::to_string(launch.step + 1));
    facts_.push_back(AttemptEnded{launch.step, launch.attempt, 0, {}});
  }
  void perform(const KillAttempt&) override {}
  void wait(double, std::vector<Fact>& facts) override {
    if (facts_.empty()) throw std::logic_error("the loop waits for nothing");
    facts = std::move(facts_);
    facts_.clear();
    ++now_;
  }
  double now() const override { return now_; }

 private:
  std::vector<std::string>& story_;
  std::vector<Fact> facts_;
  double now_ = 0;
};

/// Notes every commit that had something to record; fails at the one that is told.
class Recorder : public Observer {
 public:
  Recorder(std::vector<std::string>& story, int fails_at) : story_(story), fails_at_(fails_at) {}
  void on_fact(const Fact&, const Decisions& decisions, double) override {
    for (const auto& launch : decisions.launches) text_ += " launch " + std::to_string(launch.step + 1);
    for (const auto& settled : decisions.settled) text_ += " settled " + std::to_string(settled.step + 1);
  }
  void on_time(const Decisions&, double) override {}
  void commit(double) override {
    if (text_.empty()) return;
    if (--fails_at_ == 0) broken_ = true;
    if (broken_) throw std::runtime_error("no space left");
    story_.push_back("recorded" + text_);
    text_.clear();
  }

 private:
  std::vector<std::string>& story_;
  int fails_at_;
  bool broken_ = false;
  std::string text_;
};

TEST(RunLoop, records_before_it_acts) {
  std::vector<std::string> story;
  Scheduler scheduler(graph_of("a\nb\n"), {});
  OneSlot cluster(story);
  Recorder recorder(story, 0);
  run_loop(scheduler, cluster, {&recorder});
  EXPECT_THAT(story, testing::ElementsAre("recorded launch 1", "launch 1", "recorded launch 2 settled 1", "launch 2",
                                          "recorded settled 2"));
}

TEST(RunLoop, starts_nothing_that_it_could_not_record_and_throws_at_the_end) {
  std::vector<std::string> story;
  Scheduler scheduler(graph_of("a\nb\nc\n"), {});
  OneSlot cluster(story);
  Recorder recorder(story, 2);
  EXPECT_THROW(run_loop(scheduler, cluster, {&recorder}), std::runtime_error);
  EXPECT_THAT(story, testing::ElementsAre("recorded launch 1", "launch 1"));
  EXPECT_EQ(scheduler.counts().succeeded, 1U);
  EXPECT_EQ(scheduler.counts().waiting + scheduler.counts().ready, 2U);
  EXPECT_EQ(scheduler.sanity_check(), "");
}

/// One slot; each wait gives the next of some given sets of facts. Notes what it is told.
class Scripted : public Cluster {
 public:
  Scripted(std::vector<std::string>& story, std::vector<std::vector<Fact>> turns)
      : story_(story), turns_(std::move(turns)) {}
  void perform(const LaunchAttempt& launch) override { story_.push_back("launch " + std::to_string(launch.step + 1)); }
  void perform(const KillAttempt& kill) override { story_.push_back("kill " + std::to_string(kill.step + 1)); }
  void wait(double, std::vector<Fact>& facts) override {
    if (turns_.size() <= static_cast<std::size_t>(now_)) throw std::logic_error("the loop waits for nothing");
    facts = turns_[static_cast<std::size_t>(now_)];
    now_ += 1;
  }
  double now() const override { return now_; }

 private:
  std::vector<std::string>& story_;
  std::vector<std::vector<Fact>> turns_;
  double now_ = 0;
};

const WorkerJoined one_slot{0, {0, {{{}, {0}}}}, false};

/// The order to end it would come before the one to start it, end nothing, and the run would wait for its own end.
TEST(RunLoop, starts_nothing_that_a_later_fact_of_the_same_turn_ends) {
  std::vector<std::string> story;
  Scheduler scheduler(graph_of("a\nb\nc\n"), {});
  Scripted cluster(story, {{one_slot}, {AttemptEnded{0, 1, 0, {}}, StopRequested{StopKind::cancel, "signal", 15}}});
  Recorder recorder(story, 0);
  run_loop(scheduler, cluster, {&recorder});
  EXPECT_THAT(story, testing::ElementsAre("recorded launch 1", "launch 1", "recorded launch 2 settled 1"));
  EXPECT_EQ(scheduler.counts().waiting + scheduler.counts().ready, 2U);
  EXPECT_EQ(scheduler.sanity_check(), "");
}

TEST(RunLoop, starts_nothing_on_a_worker_that_is_lost_in_the_same_turn) {
  std::vector<std::string> story;
  Scheduler scheduler(graph_of("a\nb\n"), {});
  Scripted cluster(story, {{one_slot}, {AttemptEnded{0, 1, 0, {}}, WorkerLost{0, "killed"}}});
  run_loop(scheduler, cluster, {});
  EXPECT_THAT(story, testing::ElementsAre("launch 1"));
  EXPECT_EQ(scheduler.sanity_check(), "");
}

/// What waits at slots begins where nothing is recorded any more, and runs again in the next life.
TEST(RunLoop, calls_back_what_waits_at_slots_when_it_cannot_record) {
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "a " + std::to_string(i) + "\n";
  const auto steps = graph_of(lines);
  SchedulerOptions options;
  options.prefetch_s = 5;
  Scheduler scheduler(steps, options);
  Simulation simulation;
  simulation.workers.push_back({0, one_slot.shape});
  SimulatedCluster cluster(steps, simulation);
  std::vector<std::string> story;
  constexpr int fails_at = 8;
  Recorder recorder(story, fails_at);
  EXPECT_THROW(run_loop(scheduler, cluster, {&recorder}), std::runtime_error);
  EXPECT_GE(cluster.statistics().killed, 3U) << "what waited was called back";
  EXPECT_LE(scheduler.counts().succeeded, 1U + fails_at) << "of what was sent only what ran has ended";
  EXPECT_EQ(scheduler.sanity_check(), "");
}

/// Drives a scheduler by hand: one worker with `slots` slots, time as told.
struct ByHand {
  ByHand(const std::string& lines, SchedulerOptions options, std::size_t slots = 1) : scheduler(json(lines), options) {
    WorkerJoined joined;
    for (std::size_t i = 0; i < slots; ++i) joined.shape.slots.push_back({{}, {static_cast<std::uint32_t>(i)}});
    scheduler.apply(joined, 0, now_decided);
  }
  static std::shared_ptr<const Graph> json(const std::string& lines) {
    return parse_steps("f", std::make_shared<const std::string>(lines), StepsFormat::json_lines, nullptr).graph;
  }
  /// Ordinals of the steps launched by the last fact.
  std::vector<std::uint32_t> launched() const {
    std::vector<std::uint32_t> all;
    for (const auto& launch : now_decided.launches) all.push_back(launch.step + 1);
    return all;
  }
  void end(std::uint32_t ordinal, double now) {
    now_decided.clear();
    scheduler.apply(AttemptEnded{ordinal - 1, 1, 0, {}}, now, now_decided);
    EXPECT_EQ(scheduler.sanity_check(), "");
  }
  Scheduler scheduler;
  Decisions now_decided;
};

using testing::ElementsAre;

TEST(TimeLimit, starts_no_step_that_cannot_be_expected_to_end_but_shorter_ones_behind_it) {
  SchedulerOptions options;
  options.start_nothing_after = 100;
  ByHand run("{\"command\":\"a\",\"cost\":60}\n{\"command\":\"b\",\"cost\":50}\n{\"command\":\"c\",\"cost\":30}\n",
             options);
  EXPECT_THAT(run.launched(), ElementsAre(1));
  run.end(1, 60);
  EXPECT_THAT(run.launched(), ElementsAre(3));
  run.end(3, 90);
  EXPECT_TRUE(run.scheduler.finished());
  EXPECT_TRUE(run.scheduler.stopped_for_time());
  EXPECT_EQ(run.scheduler.counts().ready, 1U);
}

TEST(TimeLimit, learns_from_steps_of_the_same_shape_more_than_from_a_guess) {
  SchedulerOptions options;
  options.start_nothing_after = 100;
  ByHand run(
      "{\"command\":\"align m1.mrc\",\"cost\":1}\n{\"command\":\"align m2.mrc\",\"cost\":1}\n{\"command\":\"other\"}\n",
      options);
  run.end(1, 40);
  EXPECT_THAT(run.launched(), ElementsAre(3)) << "twice 40 s do not fit into 60 s; of the other nothing is known";
}

TEST(TimeLimit, takes_over_what_earlier_lives_have_seen) {
  SchedulerOptions options;
  options.start_nothing_after = 100;
  options.durations_before.observe(command_shape("align m1.mrc"), 80);
  ByHand run("{\"command\":\"align m1.mrc\"}\n", options);
  EXPECT_THAT(run.launched(), testing::IsEmpty());
  EXPECT_TRUE(run.scheduler.finished());
}

/// A run with a limit at 100, whose only step fails at `now` and may be tried again 30 s later.
ByHand run_whose_step_fails(double now) {
  SchedulerOptions options;
  options.start_nothing_after = options.end_running_at = 100;
  options.retry_delay_s = 30;
  ByHand run("{\"command\":\"a\",\"retries\":1}\n", options);
  AttemptEnded failure{0, 1, 0, {}};
  failure.result.outcome = {OutcomeKind::exit_code, 3, ""};
  run.scheduler.apply(failure, now, run.now_decided);
  EXPECT_EQ(run.scheduler.sanity_check(), "");
  return run;
}

TEST(TimeLimit, does_not_wait_for_a_retry_that_is_due_after_it) {
  const auto run = run_whose_step_fails(80);
  EXPECT_TRUE(run.scheduler.finished());
  EXPECT_TRUE(run.scheduler.stopped_for_time());
  EXPECT_EQ(run.scheduler.counts().ready, 1U);
}

TEST(TimeLimit, waits_for_a_retry_that_is_due_before_it) {
  const auto run = run_whose_step_fails(60);
  EXPECT_FALSE(run.scheduler.finished());
  EXPECT_EQ(run.scheduler.next_deadline(), 90);
}

TEST(TimeLimit, leaves_no_deadline_in_the_past_when_it_comes_while_steps_finish) {
  SchedulerOptions options;
  options.start_nothing_after = options.end_running_at = 100;
  options.grace_s = 30;
  ByHand run("{\"command\":\"a\"}\n", options);
  run.scheduler.apply(StopRequested{StopKind::finish, "signal", 2}, 90, run.now_decided);
  EXPECT_EQ(run.scheduler.next_deadline(), 100);
  run.scheduler.advance(100, run.now_decided);
  EXPECT_EQ(run.scheduler.next_deadline(), std::numeric_limits<double>::infinity());
}

TEST(TimeLimit, is_not_why_a_run_is_over_that_was_stopped) {
  for (const auto kind : {StopKind::drain, StopKind::cancel}) {
    SchedulerOptions options;
    options.start_nothing_after = options.end_running_at = 100;
    options.retry_delay_s = 30;
    ByHand run("{\"command\":\"a\",\"retries\":1}\n", options);
    run.scheduler.apply(StopRequested{kind, "signal", 10}, 70, run.now_decided);
    AttemptEnded failure{0, 1, 0, {}};
    failure.result.outcome = {OutcomeKind::exit_code, 3, ""};
    run.scheduler.apply(failure, 80, run.now_decided);
    EXPECT_TRUE(run.scheduler.finished());
    EXPECT_FALSE(run.scheduler.stopped_for_time());
  }
}

TEST(TimeLimit, cancels_what_still_runs_at_its_end_and_spends_no_retry_on_it) {
  SchedulerOptions options;
  options.start_nothing_after = options.end_running_at = 100;
  ByHand run("{\"command\":\"a\"}\n{\"command\":\"b\"}\n", options);
  EXPECT_EQ(run.scheduler.next_deadline(), 100);
  run.now_decided.clear();
  run.scheduler.advance(100, run.now_decided);
  ASSERT_EQ(run.now_decided.kills.size(), 1U);
  AttemptEnded cut{0, 1, 0, {}};
  cut.result.outcome.kind = OutcomeKind::cancelled;
  run.scheduler.apply(cut, 101, run.now_decided);
  EXPECT_TRUE(run.scheduler.finished());
  EXPECT_TRUE(run.scheduler.stopped_for_time());
  EXPECT_EQ(run.scheduler.counts().failed, 0U);
  EXPECT_EQ(run.scheduler.counts().waiting + run.scheduler.counts().ready, 2U);
  EXPECT_EQ(run.scheduler.sanity_check(), "");
}

}  // namespace
}  // namespace gradus
