#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "support/builders.h"
#include "support/scenario.h"

namespace gradus::support {
namespace {

using testing::IsEmpty;

/// What is expected next; what is not said may be anything.
struct Expected {
  std::string start;  // how the line begins
  std::string rest;   // how it goes on, when said
  Expected on(WorkerId worker) const { return {start, rest + " on " + std::to_string(worker)}; }
  Expected slots(const std::string& list) const { return {start, rest + " slots " + list}; }
  Expected gpus(const std::string& list) const { return {start, rest + " gpus " + list}; }
};

Expected launch(const std::string& name) { return {"launch " + name + ".", ""}; }
Expected kill(const std::string& name) { return {"kill " + name + ".", ""}; }
Expected kill_at_once(const std::string& name) { return {"kill at once " + name + ".", ""}; }
Expected lost(const std::string& name) { return {"lost " + name + ".", ""}; }
Expected failed(const std::string& name) { return {name + " failed", ""}; }
Expected skipped(const std::string& name, const std::string& because_of) {
  return {name + " skipped because of " + because_of, ""};
}

class SchedulerTest : public testing::Test {
 protected:
  void given(const std::string& steps, const std::string& options = "") {
    rehearsal_.emplace(graph(steps), scheduler_options(options));
  }
  /// A worker on a node of its own, by its slots: `0 1 -`.
  void join(const std::string& slots) { join(slots, "node" + std::to_string(workers_)); }
  void join(const std::string& slots, const std::string& node) {
    take("join " + std::to_string(workers_++) + " on " + node + ": " + slots);
  }
  /// A worker with so many slots, without GPUs.
  void join(int slots) {
    std::string text;
    for (int i = 0; i < slots; ++i) text += " -";
    join(text);
  }
  void at(double seconds) { take("at " + std::to_string(seconds)); }
  void end(const std::string& name) { take("end " + name); }
  void fail(const std::string& name) { take("fail " + name); }
  void cancelled(const std::string& name) { take("cancelled " + name); }
  void lose(int worker) { take("lose " + std::to_string(worker)); }
  void stop(const std::string& kind) { take("stop " + kind); }
  void take(const std::string& line) {
    for (auto& one : rehearsal_->take(line)) {
      if (!one.ends_with(" succeeded") && !one.starts_with("held ")) happened_.push_back(std::move(one));
    }
    EXPECT_EQ(rehearsal_->complaints(), "") << "after " << line;
  }

  /// Exactly these come next, in this order.
  template <class... Rest>
  void expect(const Expected& first, const Rest&... rest) {
    if (happened_.empty()) {
      ADD_FAILURE() << "nothing happened instead of " << first.start << first.rest;
    } else {
      const auto& line = happened_.front();
      EXPECT_TRUE(line.starts_with(first.start) && holds_in_order(line, first.rest))
          << "happened: " << line << "\nexpected: " << first.start << "…" << first.rest;
      happened_.erase(happened_.begin());
    }
    if constexpr (sizeof...(rest) > 0) expect(rest...);
  }
  void expect_nothing_else() { EXPECT_THAT(happened_, IsEmpty()); }
  void expect_outcome(const std::string& words) { EXPECT_EQ(rehearsal_->outcome(), words); }
  const Scheduler& scheduler() const { return rehearsal_->scheduler(); }

 private:
  /// Every ` word value` pair of `rest` stands in the line, with nothing hanging on to the value.
  static bool holds_in_order(const std::string& line, const std::string& rest) {
    const auto words = split(rest, " ");
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
      if ((line + " ").find(" " + words[i] + " " + words[i + 1] + " ") == std::string::npos) return false;
    }
    return true;
  }

  std::optional<Rehearsal> rehearsal_;
  std::vector<std::string> happened_;
  int workers_ = 0;
};

// ---- readiness ------------------------------------------------------------------------------

TEST_F(SchedulerTest, dependents_start_when_what_they_need_has_succeeded) {
  given("a; b after a; c after a");
  join(2);
  expect(launch("a"));
  end("a");
  expect(launch("b"), launch("c"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_step_waits_for_all_it_needs) {
  given("a; b; c after a,b");
  join(2);
  expect(launch("a"), launch("b"));
  end("b");
  expect_nothing_else();
  end("a");
  expect(launch("c"));
  end("c");
  expect_outcome("finished, 3 succeeded");
}

TEST_F(SchedulerTest, dependents_of_a_failed_step_are_skipped_because_of_it_and_others_go_on) {
  given("a; b after a; c after b; d");
  join(1);
  expect(launch("a"));
  fail("a");
  expect(failed("a"), skipped("b", "a"), skipped("c", "a"), launch("d"));
  end("d");
  expect_nothing_else();
  expect_outcome("finished, 1 succeeded, 1 failed, 2 skipped");
}

TEST_F(SchedulerTest, a_barrier_needs_success_and_an_ended_barrier_only_an_end) {
  given("a; barrier=ended; b; barrier; c");
  join(1);
  expect(launch("a"));
  fail("a");
  expect(failed("a"));
  expect(skipped("c", "a"), launch("b"));  // c needs all above to have succeeded, a too
  end("b");
  expect_nothing_else();
  expect_outcome("finished, 1 succeeded, 1 failed, 1 skipped");
}

TEST_F(SchedulerTest, an_ended_barrier_is_passed_when_the_last_above_it_is_skipped) {
  given("a; b after a; barrier=ended; c");
  join(2);
  expect(launch("a"));
  fail("a");
  expect(failed("a"), skipped("b", "a"), launch("c"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, what_succeeded_in_an_earlier_life_does_not_run_again) {
  SchedulerOptions options;
  options.succeeded_before = {true, false};
  const auto two = graph("a; b after a");
  Scheduler scheduler(two, options);
  Decisions decisions;
  scheduler.apply(WorkerJoined{0, Machine().worker("n", "-"), false}, 0, decisions);
  ASSERT_EQ(decisions.launches.size(), 1U);
  EXPECT_EQ(decisions.launches[0].step, two->find("b"));
  EXPECT_EQ(scheduler.state(two->find("a")), StepState::succeeded);
}

// ---- order ----------------------------------------------------------------------------------

TEST_F(SchedulerTest, priority_comes_before_the_longest_path_and_that_before_file_order) {
  given("last; next cost=5; deep cost=1; deeper after deep cost=50; first priority=1 cost=0");
  join(1);
  expect(launch("first"));
  end("first");
  expect(launch("deep"));
  end("deep");
  expect(launch("deeper"));
  end("deeper");
  expect(launch("last"));  // no cost given: the mean of the known ones
  end("last");
  expect(launch("next"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, few_steps_spread_over_all_workers_before_they_share_one) {
  given("a; b; c");
  take("join 0 on n0 more: - -");
  take("join 1 on n1 more: - -");
  expect_nothing_else();
  EXPECT_FALSE(scheduler().finished());
  take("join 2 on n2: - -");
  expect(launch("a").on(0), launch("b").on(1), launch("c").on(2));
  expect_nothing_else();
}

// ---- GPUs and cores -------------------------------------------------------------------------

TEST_F(SchedulerTest, a_step_with_a_gpu_mark_gets_one_gpu_slot_and_all_its_gpus) {
  given("a gpu; b gpu");
  join("- 0,1 2,3");
  expect(launch("a").slots("1").gpus("0,1"), launch("b").slots("2").gpus("2,3"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, gpus_k_takes_as_many_slots_of_one_worker_as_hold_k_distinct_gpus) {
  given("a gpus=2");
  join("0 0 1");  // two slots share GPU 0
  expect(launch("a").slots("0,2").gpus("0,1"));
  expect_nothing_else();
  EXPECT_EQ(scheduler().held_slots(), 1U);
}

TEST_F(SchedulerTest, gpus_k_never_takes_slots_of_two_workers) {
  given("a gpus=2");
  join("0");
  join("0");
  expect_nothing_else();
  join("0 1");
  expect(launch("a").on(2));
}

TEST_F(SchedulerTest, gpus_and_cpus_take_the_smallest_set_that_satisfies_both) {
  given("a gpus=1 cpus=4");
  join("0/2 1/4 -/4");
  expect(launch("a").slots("1").gpus("1"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_cpu_only_step_takes_a_slot_without_gpu_first) {
  given("a; b");
  join("0 -");
  expect(launch("a").slots("1"), launch("b").slots("0"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_cpu_only_step_leaves_the_gpu_slot_to_a_ready_step_that_wants_it) {
  given("a priority=9; b gpu; c gpu");
  join("0");
  expect(launch("b"));
  end("b");
  expect(launch("c"));
  end("c");
  expect(launch("a"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_cpu_only_step_of_many_cores_does_not_keep_gpu_slots_from_those_that_want_them) {
  given("wide cpus=4 priority=9; a gpu; b gpu");
  join("0/2 1/2");
  expect(launch("a"), launch("b"));
  end("a");
  expect_nothing_else();
  end("b");
  expect(launch("wide").slots("0,1"));
}

// ---- keeping slots for a step that needs several --------------------------------------------

TEST_F(SchedulerTest, a_two_gpu_step_at_the_head_is_not_starved_by_small_ones) {
  given("x gpu cost=10; big gpus=2 cost=9; s1 gpu cost=8; s2 gpu cost=8");
  join("0 1");
  expect(launch("x"), launch("s1"));  // s1 is expected to end before x, so that big loses nothing
  at(8);
  end("s1");
  expect_nothing_else();  // s2 is not
  EXPECT_EQ(scheduler().held_slots(), 1U);
  at(10);
  end("x");
  expect(launch("big").gpus("0,1"));
  end("big");
  expect(launch("s2"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_step_of_higher_order_is_never_kept_out_of_slots_kept_for_a_lower_one) {
  given(
      "x gpu cost=50; y gpu cost=60; trigger cost=1; big gpus=2 cost=10; urgent gpu priority=5 cost=99 after trigger");
  join("0 1 -");
  expect(launch("trigger"), launch("y"), launch("x"));
  at(50);
  end("x");
  expect_nothing_else();  // slot of x is kept for big, together with that of y
  EXPECT_EQ(scheduler().held_slots(), 1U);
  end("trigger");
  expect(launch("urgent"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_step_that_no_worker_can_hold_any_more_does_not_keep_slots_from_being_kept_for_others) {
  given(
      "go priority=10; huge gpus=3 priority=9 after go; x gpu cost=10; y gpu cost=20; "
      "big gpus=2 cost=16 after go; s gpu cost=15 after go");
  take("join 0 on n0 more: 0 1 2");
  take("join 1 on n1: 0 1 -");
  expect(launch("go").on(1), launch("y").on(0), launch("x").on(1));
  lose(0);
  expect(lost("y"), launch("y").on(1));
  end("go");
  at(10);
  end("x");
  expect_nothing_else();  // kept for big, though huge stands before it
  EXPECT_EQ(scheduler().held_slots(), 1U);
}

TEST_F(SchedulerTest, slots_that_need_not_be_kept_any_more_are_used_at_once) {
  given("c gpus=2 priority=3; x cost=10 priority=2; wide cpus=4 cost=9 priority=1; a cost=20");
  take("join 0 on n0 more: -/2 -/2");
  take("join 1 on n1: 0/2 1/2");
  expect(launch("c").on(1), launch("x").on(0));
  EXPECT_EQ(scheduler().held_slots(), 2U);  // the second of c, and one kept for wide
  end("c");
  expect(launch("wide").on(1), launch("a").on(0));
  expect_nothing_else();
}

// ---- failures, retries, losses --------------------------------------------------------------

TEST_F(SchedulerTest, a_retry_goes_to_another_node) {
  given("a retries=1");
  join("- -");
  join("-");
  expect(launch("a").on(0));
  fail("a");
  expect(launch("a").on(1));
  fail("a");
  expect(failed("a"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_retry_goes_to_another_slot_where_there_is_one_node) {
  given("a gpus=1 retries=1");
  join("0 1");
  expect(launch("a").slots("0"));
  fail("a");
  expect(launch("a").slots("1"));
}

TEST_F(SchedulerTest, a_retry_waits_for_another_slot_rather_than_go_where_it_failed) {
  given("a gpu retries=1 priority=1; b gpu");
  join("0 1");
  expect(launch("a").slots("0"), launch("b").slots("1"));
  fail("a");
  expect_nothing_else();
  end("b");
  expect(launch("a").slots("1"));
}

TEST_F(SchedulerTest, a_retry_goes_back_where_it_failed_when_there_is_no_other_place) {
  given("a retries=1");
  join(1);
  expect(launch("a"));
  fail("a");
  expect(launch("a").slots("0"));
}

TEST_F(SchedulerTest, a_retry_goes_to_a_node_that_joined_after_the_failure) {
  given("a gpu retries=1; c; b gpu priority=2 after c; d gpu priority=2 after c");
  join("0 -");
  expect(launch("c"), launch("a"));
  end("c");
  fail("a");
  expect(launch("b"));  // a had no other place when it failed
  join("0");
  expect(launch("d").on(1));
  end("b");
  expect_nothing_else();
  end("d");
  expect(launch("a").on(1));
}

TEST_F(SchedulerTest, a_loss_with_the_worker_does_not_use_up_a_retry) {
  given("a");
  join(1);
  expect(launch("a"));
  lose(0);
  expect(lost("a"));
  join(1);
  expect(launch("a").on(1));
  end("a");
  expect_outcome("finished, 1 succeeded");
}

TEST_F(SchedulerTest, a_step_lost_as_often_as_the_crash_limit_has_failed) {
  given("a; b after a", "crash-limit=2");
  join(1);
  join(1);
  expect(launch("a").on(0));
  lose(0);
  expect(lost("a"), launch("a").on(1));
  lose(1);
  expect(lost("a"), failed("a"), skipped("b", "a"));
  expect_nothing_else();
  expect_outcome("finished, 1 failed, 1 skipped");
}

TEST_F(SchedulerTest, messages_that_tell_nothing_true_change_nothing) {
  given("a; b after a");
  join(1);
  join(1);
  expect(launch("a").on(0));
  take("end a.1 on 1");
  take("end a.2 on 0");
  take("end b.1 on 0");
  take("end nonsense.1 on 0");
  take("lose 7");
  take("join 0 on node0: - - -");
  expect_nothing_else();
  lose(0);
  expect(lost("a"), launch("a").on(1));
  take("end a.1 on 0");
  expect_nothing_else();
}

// ---- stopping -------------------------------------------------------------------------------

TEST_F(SchedulerTest, with_on_error_stop_nothing_new_starts_and_what_runs_is_awaited) {
  given("a; b; c; d after b", "on-error=stop");
  join(2);
  expect(launch("b"), launch("a"));
  fail("a");
  expect(failed("a"));
  end("b");
  expect_nothing_else();
  EXPECT_TRUE(scheduler().stopped_on_error());
  expect_outcome("finished, 1 succeeded, 1 failed, 2 ready");
}

TEST_F(SchedulerTest, a_retry_is_still_made_with_on_error_stop) {
  given("a retries=1; b", "on-error=stop");
  join(1);
  expect(launch("a"));
  fail("a");
  expect(launch("a"));
  fail("a");
  expect(failed("a"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_drain_lets_running_steps_end_in_their_own_time) {
  given("a; b");
  join(1);
  expect(launch("a"));
  stop("drain");
  at(100000);
  end("a");
  expect_nothing_else();
  expect_outcome("finished, 1 succeeded, 1 ready");
}

TEST_F(SchedulerTest, finish_cancels_what_runs_after_the_grace) {
  given("a", "grace=10");
  join(1);
  expect(launch("a"));
  at(5);
  stop("finish");
  EXPECT_EQ(scheduler().next_deadline(), 15);
  at(14);
  expect_nothing_else();
  at(15);
  expect(kill("a"));
  cancelled("a");
  expect_nothing_else();
  expect_outcome("finished, 1 waiting");
}

TEST_F(SchedulerTest, cancel_and_kill_end_what_runs_at_once_and_the_weaker_stop_does_not_undo_the_stronger) {
  given("a; b");
  join(2);
  expect(launch("a"), launch("b"));
  stop("cancel");
  expect(kill("a"), kill("b"));
  stop("drain");
  expect_nothing_else();
  stop("kill");
  expect(kill_at_once("a"), kill_at_once("b"));
  expect_nothing_else();
}

TEST_F(SchedulerTest, a_run_whose_workers_are_all_lost_is_over) {
  given("a; b after a");
  join(1);
  expect(launch("a"));
  lose(0);
  expect(lost("a"));
  expect_nothing_else();
  expect_outcome("finished, 1 ready, 1 waiting");
}

// ---- scenario files -------------------------------------------------------------------------

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(GRADUS_TEST_SCENARIOS)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, goes_as_its_file_says) {
  const auto path = std::string(GRADUS_TEST_SCENARIOS) + "/" + GetParam() + ".txt";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const auto run = run_scenario(text.str());
  EXPECT_EQ(run.complaints, "");
  if (std::getenv("GRADUS_REWRITE_SCENARIOS")) {
    std::ofstream(path) << run.as_it_was;
  } else {
    EXPECT_EQ(run.as_it_was, run.as_it_should_be);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(scenario_names()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace gradus::support
