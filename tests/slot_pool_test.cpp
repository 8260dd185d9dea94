#include "node/slot_pool.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "node/cores.h"
#include "support/temporary_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;
using tests::TemporaryFolder;

/// A pool of two slots on GPUs 0 and 1, in a run directory of its own.
class SlotPoolTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_.file("logs"));
    settings_.run_dir = folder_.path();
    settings_.grace_s = 0.3;
    // Tests beside this one have their own: a guardian whose rank is gone ends what is of its lineage anywhere.
    settings_.life = "1." + std::to_string(getpid());
    rank_.host = "here";
    for (std::uint32_t i = 0; i < 2; ++i) {
      const auto gpu = std::to_string(i);
      rank_.slots.push_back({i, 0, i + 1, false, {{gpu, gpu, gpu, "", ""}}, {i}});
    }
  }

  SlotPool& pool() {
    if (!pool_) pool_ = std::make_unique<SlotPool>(rank_, settings_, environment_, guardian_, inbox_);
    return *pool_;
  }
  void launch(const std::string& command, std::uint32_t slot = 0) {
    AttemptOrder order;
    order.step = next_++;
    order.slots = {slot};
    order.gpus = {{slot, 0}};
    order.id = std::to_string(order.step + 1);
    order.command = command;
    launch(std::move(order));
  }
  void launch(AttemptOrder order) { pool().launch(std::move(order)); }

  /// Waits for the next end; a test that waits for nothing fails instead of hanging.
  AttemptEnded next_end() {
    std::vector<AttemptEnded> ended;
    for (int i = 0; i < 1200 && waiting_.empty(); ++i) {
      inbox_.sleep(0.05);
      inbox_.take(ended);
      for (auto& one : ended) waiting_.push_back(std::move(one));
      ended.clear();
    }
    if (waiting_.empty()) {
      ADD_FAILURE() << "no attempt has ended";
      return {};
    }
    auto first = waiting_.front();
    waiting_.erase(waiting_.begin());
    return first;
  }
  Outcome outcome() { return next_end().result.outcome; }
  /// A command that goes on until release(name): a test whose order of events hangs on a duration fails on a
  /// machine that is busy for as long.
  std::string until_released(const std::string& name) const {
    return "until [ -e " + folder_.file(name) + " ]; do sleep 0.01; done";
  }
  void release(const std::string& name) const { folder_.write(name, ""); }
  void wait_for_file(const std::string& name) {
    for (int i = 0; i < 6000 && !folder_.has(name); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(folder_.has(name));
  }

  TemporaryFolder folder_;
  RunSettings settings_;
  PlannedRank rank_;
  StepEnvironment environment_{environ};
  Guardian guardian_;
  Inbox inbox_;
  std::vector<AttemptEnded> waiting_;
  std::uint32_t next_ = 0;
  std::unique_ptr<SlotPool> pool_;
};

TEST_F(SlotPoolTest, keeps_the_output_of_a_step_that_succeeds) {
  launch("echo gpu %(GPU)s; echo oops >&2", 1);
  EXPECT_EQ(outcome(), Outcome{});
  EXPECT_EQ(folder_.read("logs/1.out"), "gpu 1\n");
  EXPECT_EQ(folder_.read("logs/1.err"), "oops\n");
}

TEST_F(SlotPoolTest, tells_exit_codes_signals_and_what_could_not_start) {
  launch("sh -c 'exit 3'");
  EXPECT_EQ(outcome(), (Outcome{OutcomeKind::exit_code, 3, ""}));
  launch("kill -ABRT $$");
  EXPECT_EQ(outcome(), (Outcome{OutcomeKind::signal, SIGABRT, ""}));
  launch("/no/such/program");
  const auto missing = outcome();
  EXPECT_EQ(missing.kind, OutcomeKind::could_not_start);
  EXPECT_EQ(missing.code, ENOENT);
  EXPECT_THAT(missing.detail, HasSubstr("execve /no/such/program"));
}

TEST_F(SlotPoolTest, does_not_tell_all_of_a_name_that_is_none) {
  launch("/no/such/" + std::string(100000, 'x'));
  const auto ended = outcome();
  EXPECT_EQ(ended.kind, OutcomeKind::could_not_start);
  EXPECT_THAT(ended.detail, HasSubstr("execve /no/such/xxx"));
  EXPECT_THAT(ended.detail, HasSubstr("xxx...: File name too long"));
  EXPECT_LT(ended.detail.size(), 1100U);
}

TEST_F(SlotPoolTest, tells_a_working_folder_that_is_not_there) {
  AttemptOrder order;
  order.slots = {0};
  order.command = "true";
  order.cwd = "/no/such/folder";
  launch(order);
  const auto ended = outcome();
  EXPECT_EQ(ended.kind, OutcomeKind::could_not_start);
  EXPECT_THAT(ended.detail, HasSubstr("chdir /no/such/folder"));
}

TEST_F(SlotPoolTest, runs_the_attempts_of_one_slot_one_after_the_other) {
  for (int i = 0; i < 20; ++i)
    launch("sh -c 'mkdir " + folder_.file("alone") + " && rmdir " + folder_.file("alone") + "'");
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto end = next_end();
    EXPECT_EQ(end.step, i);
    EXPECT_TRUE(end.result.outcome.succeeded());
  }
}

TEST_F(SlotPoolTest, ends_a_step_at_its_time_limit_and_kills_it_after_the_grace) {
  AttemptOrder order;
  order.slots = {0};
  order.command = "trap '' TERM; sleep 60 & wait; sleep 60";
  order.timeout_s = 0.1;
  launch(order);
  EXPECT_EQ(outcome().kind, OutcomeKind::timed_out);
}

TEST_F(SlotPoolTest, cancels_a_running_step_and_one_that_waits_behind_it) {
  launch("touch " + folder_.file("started") + " && sleep 60");
  launch("true");
  wait_for_file("started");
  pool().kill(1, 1, false);
  pool().kill(0, 1, false);
  EXPECT_EQ(outcome().kind, OutcomeKind::cancelled);
  EXPECT_EQ(outcome().kind, OutcomeKind::cancelled);
}

TEST_F(SlotPoolTest, does_not_take_a_step_that_was_told_to_end_for_done_because_it_exits_with_0) {
  settings_.grace_s = 60;
  launch("trap 'exit 0' TERM; touch " + folder_.file("started") + "; sleep 60 & wait");
  wait_for_file("started");
  pool().kill(0, 1, false);
  EXPECT_EQ(outcome().kind, OutcomeKind::cancelled);
}

TEST_F(SlotPoolTest, counts_a_step_that_was_told_to_end_as_succeeded_when_its_outputs_are_there) {
  settings_.grace_s = 60;
  AttemptOrder order;
  order.slots = {0};
  order.command =
      "trap 'touch " + folder_.file("done") + "; exit 0' TERM; touch " + folder_.file("started") + "; sleep 60 & wait";
  order.creates = {folder_.file("done")};
  pool().launch(order);
  wait_for_file("started");
  pool().kill(0, 1, false);
  EXPECT_TRUE(outcome().succeeded());
}

TEST_F(SlotPoolTest, ends_a_stopped_step_too) {
  launch("touch " + folder_.file("started") + "; kill -STOP $$; sleep 60");
  wait_for_file("started");
  pool().kill(0, 1, false);
  EXPECT_EQ(outcome().kind, OutcomeKind::cancelled);
}

TEST_F(SlotPoolTest, ignores_a_kill_for_an_attempt_that_is_not_there) {
  launch("sleep 0.2");
  pool().kill(0, 2, true);
  pool().kill(7, 1, true);
  EXPECT_TRUE(outcome().succeeded());
}

TEST_F(SlotPoolTest, asks_for_declared_outputs_in_the_steps_own_folder) {
  AttemptOrder order;
  order.slots = {0};
  order.command = "touch made";
  order.cwd = folder_.path();
  order.creates = {"made"};
  launch(order);
  EXPECT_TRUE(outcome().succeeded());
  order.creates = {"made", "forgotten"};
  launch(order);
  EXPECT_EQ(outcome(), (Outcome{OutcomeKind::output_missing, 0, "forgotten"}));
}

TEST_F(SlotPoolTest, waits_for_a_prerequisites_output_that_shows_late) {
  AttemptOrder order;
  order.slots = {0};
  order.command = "cat " + folder_.file("late");
  order.awaited = {folder_.file("late")};
  launch(order);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  folder_.write("late", "here");
  EXPECT_TRUE(outcome().succeeded());
}

TEST_F(SlotPoolTest, knows_the_outcome_though_no_output_can_be_kept) {
  settings_.run_dir = "/no/such/run";
  launch("true");
  const auto end = outcome();
  EXPECT_TRUE(end.succeeded());
  EXPECT_THAT(end.detail, HasSubstr("its output is lost"));
}

TEST_F(SlotPoolTest, answers_an_order_for_a_slot_it_does_not_have) {
  launch("true", 0);
  EXPECT_TRUE(outcome().succeeded());
  AttemptOrder order;
  order.slots = {5};
  order.command = "true";
  launch(order);
  EXPECT_EQ(outcome().kind, OutcomeKind::could_not_start);
}

TEST_F(SlotPoolTest, binds_a_step_to_the_cores_of_its_slots_unless_told_otherwise) {
  const auto usable = usable_cores();
  if (usable.size() < 2) GTEST_SKIP() << "only one core here";
  rank_.slots[0].cores = {usable[0]};
  rank_.slots[1].cores = {usable[1]};
  launch("grep Cpus_allowed_list /proc/self/status", 1);
  EXPECT_TRUE(outcome().succeeded());
  EXPECT_EQ(folder_.read("logs/1.out"), "Cpus_allowed_list:\t" + std::to_string(usable[1]) + "\n");
  AttemptOrder both;
  both.step = next_++;
  both.slots = {0, 1};
  both.command = "grep -c Cpus_allowed_list:.[0-9]$ /proc/self/status";
  launch(both);
  EXPECT_EQ(outcome().code, 1) << "held to one core though it has two slots";
}

TEST_F(SlotPoolTest, ends_what_a_step_left_in_a_session_of_its_own) {
  const auto process = folder_.file("process");
  settings_.grace_s = 30;  // for what was killed and has no turn to die
  // Daemons: one that keeps its variables, and one that has shed them and is only known when nothing else runs.
  launch("(setsid sh -c 'echo $$ >" + process + ".tmp; mv " + process + ".tmp " + process +
         "; exec sleep 60' &) ; (env -i setsid sh -c 'echo $$ >" + process + ".tmp2; mv " + process + ".tmp2 " +
         process + ".2; exec sleep 60' &) ; while ! test -s " + process + " -a -s " + process + ".2; do :; done");
  EXPECT_TRUE(outcome().succeeded());
  EXPECT_NE(::kill(std::stoi(folder_.read("process")), 0), 0);
  EXPECT_NE(::kill(std::stoi(folder_.read("process.2")), 0), 0);
}

TEST_F(SlotPoolTest, leaves_the_daemons_of_a_step_that_still_runs_alone) {
  const auto process = folder_.file("process");
  launch("(setsid sh -c 'echo $$ >" + process + ".tmp; mv " + process + ".tmp " + process +
             "; exec sleep 60' &) ; while ! test -e " + folder_.file("go") + "; do sleep 0.01; done; kill -0 $(cat " +
             process + ")",
         0);
  wait_for_file("process");
  launch("true", 1);
  EXPECT_EQ(next_end().step, 1U);
  folder_.write("go", "");
  EXPECT_TRUE(outcome().succeeded()) << "its daemon was gone before it ended";
}

TEST_F(SlotPoolTest, keeps_output_below_its_limit) {
  settings_.output_limit = 4096;
  launch("head -c 1000000 /dev/zero | tr '\\0' x");
  const auto end = outcome();
  EXPECT_TRUE(end.succeeded());
  EXPECT_THAT(end.detail, HasSubstr("--output-limit 4.0 KiB"));
  EXPECT_LT(folder_.read("logs/1.out").size(), 4200U);
}

TEST_F(SlotPoolTest, tells_a_word_that_is_too_long_for_the_kernel) {
  launch("echo '" + std::string(200000, 'x') + "'");
  const auto end = outcome();
  EXPECT_EQ(end.kind, OutcomeKind::could_not_start);
  EXPECT_EQ(end.code, E2BIG);
  EXPECT_THAT(end.detail, HasSubstr("a word of 200007 bytes, at most 131071; write the command into a script"));
}

TEST_F(SlotPoolTest, measures_what_a_step_used) {
  launch("sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'");
  const auto end = next_end();
  EXPECT_GT(end.result.usage.max_rss_kib, 100U);
  EXPECT_GE(end.result.ended_at, end.result.started_at);
}

TEST_F(SlotPoolTest, tells_the_bytes_that_a_step_wrote_as_the_kernel_counts_them) {
  const auto command = "dd if=/dev/zero of=" + folder_.file("made") + " bs=1024 count=1000 conv=fsync 2>/dev/null";
  rusage before{}, after{};
  getrusage(RUSAGE_CHILDREN, &before);
  ASSERT_EQ(std::system(command.c_str()), 0);
  getrusage(RUSAGE_CHILDREN, &after);
  const auto counted = static_cast<double>(after.ru_oublock - before.ru_oublock) * 512;
  if (counted < 1024 * 1000) GTEST_SKIP() << "this file system does not tell";
  std::filesystem::remove(folder_.file("made"));
  launch(command);
  EXPECT_NEAR(static_cast<double>(next_end().result.usage.out_bytes), counted, counted / 10);
}

TEST_F(SlotPoolTest, leaves_no_child_when_it_goes) {
  const auto children = [] {
    std::ifstream file("/proc/self/task/" + std::to_string(getpid()) + "/children");
    std::string list;
    std::getline(file, list);
    return list;
  };
  // The guardian, and what other tests of this process have left to it as the reaper of orphans.
  const auto before = children();
  ASSERT_TRUE(before.ends_with(std::to_string(guardian_.pid()) + " ")) << before;
  launch("touch " + folder_.file("started") + " && sleep 61");
  wait_for_file("started");
  pool_.reset();
  EXPECT_EQ(children(), before);
}

TEST_F(SlotPoolTest, an_order_that_waits_can_be_called_back_and_one_that_has_begun_cannot) {
  launch(until_released("go"));
  launch("true");
  launch("true");
  wait_for_file("logs/1.out");
  pool().call_back(0, 1);
  pool().call_back(1, 1);
  const auto called_back = next_end();  // at once, not when the one before has ended
  EXPECT_EQ(called_back.step, 1U);
  EXPECT_EQ(called_back.result.outcome.kind, OutcomeKind::cancelled);
  release("go");
  const auto first = next_end();
  EXPECT_EQ(first.step, 0U);
  EXPECT_TRUE(first.result.outcome.succeeded());
  EXPECT_EQ(next_end().step, 2U);
  EXPECT_FALSE(folder_.has("logs/2.out"));
}

TEST_F(SlotPoolTest, an_end_that_somebody_waits_for_wakes_at_once_and_others_wait_for_company) {
  const auto is_readable_after_end_of = [&](bool awaited) {
    AttemptOrder order;
    order.step = next_++;
    order.slots = {0};
    const std::string first = awaited ? "awaited" : "other", behind = "behind_" + first;
    order.command = until_released(first);
    order.is_awaited = awaited;
    launch(std::move(order));
    launch(until_released(behind));
    std::vector<AttemptEnded> none;
    inbox_.take(none);  // the wake of an end that next_end() has had already may have come after it
    release(first);
    wait_for_file("logs/" + std::to_string(next_) + ".out");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    pollfd entry{inbox_.fd(), POLLIN, 0};
    const bool readable = poll(&entry, 1, 0) > 0;
    EXPECT_TRUE(inbox_.has_some());
    EXPECT_TRUE(pool().ends_come_quietly());  // whoever sleeps looks soon all the same
    release(behind);
    next_end(), next_end();
    return readable;
  };
  EXPECT_TRUE(is_readable_after_end_of(true));
  EXPECT_FALSE(is_readable_after_end_of(false));
  EXPECT_FALSE(pool().ends_come_quietly());
}

TEST_F(SlotPoolTest, an_order_that_nothing_runs_before_waits_for_nobody_however_soon_one_looks) {
  for (int i = 0; i < 20; ++i) {
    const auto go_on = "go_on_" + std::to_string(i);
    launch(until_released(go_on));
    EXPECT_FALSE(pool().ends_come_quietly());
    release(go_on);
    next_end();
  }
  launch(until_released("go"));
  launch("true");
  EXPECT_TRUE(pool().ends_come_quietly());
  pool().call_back(next_ - 1, 1);
  next_end();
  EXPECT_FALSE(pool().ends_come_quietly());
  release("go");
  next_end();
  EXPECT_FALSE(pool().ends_come_quietly());
}

}  // namespace
}  // namespace gradus
