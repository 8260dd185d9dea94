#include "report/report_json.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using nlohmann::json;
using support::TestJournal;
using testing::HasSubstr;

json report(const TestJournal& journal, const ReportLimits& limits = {}, RunPulse pulse = RunPulse::over) {
  const AttemptTail tail = [](std::uint32_t /*life*/, std::uint32_t ordinal, std::uint32_t attempt) {
    return std::vector<std::string>{"output of " + std::to_string(ordinal) + "." + std::to_string(attempt)};
  };
  const ReportInput input{&journal.chronicle(),
                          journal.shared_graph(),
                          tail,
                          "runs/chain.run",
                          "",
                          pulse,
                          TestJournal::epoch + 1000,
                          "0.1.0",
                          ""};
  return json::parse(report_json(input, limits));
}

/// Three hosts, a quarantined slot, a retry, a failure with what needs it, a drain and a second life.
const TestJournal& eventful() {
  static TestJournal journal(
      support::graph("a gpu; b gpu after a; c gpu retries=1; d after c; e gpu; long gpu; z after e"));
  if (!journal.chronicle().lives().empty()) return journal;
  journal.life(0).worker(1, "h1", "GPU-a GPU-b").worker(2, "h2", "GPU-c GPU-d").worker(3, "h3", "GPU-e");
  journal.launch(1, 1, 1, {0}).launch(3, 1, 2, {1}).launch(5, 1, 2, {0}).launch(6, 1, 3, {0});
  journal.end(3, 1, 2, "exit_code", true).launch(3, 3, 1, {1}, 2).end(3, 3, 5, "signal").skipped(4, 3, 5);
  journal.quarantined(3, 2, 5, 3).end(5, 1, 6, "exit_code").skipped(7, 5, 6).end(1, 1, 9).launch(2, 9, 1, {0});
  journal.stop("drain", 10, "signal USR1").end(2, 9, 20).end(6, 1, 60).over(60, 75, 0);
  journal.life(500)
      .kept({1, 2, 6, 6})
      .worker(1, "h1", "GPU-a GPU-b")
      .launch(3, 501, 1, {0})
      .end(3, 501, 511)
      .launch(4, 511, 1, {0});
  journal.end(4, 511, 512).launch(5, 512, 1, {0}).end(5, 512, 520, "exit_code").skipped(7, 5, 520).over(521, 1);
  return journal;
}

TEST(Report, tells_which_gpu_was_bad) {
  const auto bad = report(eventful())["bad_places"];
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_EQ(bad[0]["place"], "slot 3 on h2 with GPU-d");
  EXPECT_EQ(bad[0]["t_s"], 5.0);
}

TEST(Report, tells_which_step_took_longest_and_what_to_rerun) {
  const auto all = report(eventful());
  EXPECT_EQ(all["slowest"][0]["step"], "long");
  EXPECT_EQ(all["slowest"][0]["seconds"], 59.0);
  EXPECT_EQ(all["rerun"]["names"], (json{"e", "z"}));
  EXPECT_EQ(all["rerun"]["command"], "mpirun -np 2 gradus run chain.txt --resume");
}

TEST(Report, has_lives_on_one_axis_and_marks_what_happened_to_all) {
  const auto all = report(eventful());
  EXPECT_EQ(all["run"]["wall_s"], 81.0);
  EXPECT_EQ(all["run"]["lives"][1]["begin_s"], 60.0);
  EXPECT_EQ(all["run"]["lives"][0]["why"], "signal USR1");
  std::vector<std::string> kinds;
  for (const auto& mark : all["marks"]) kinds.push_back(mark["kind"]);
  EXPECT_EQ(kinds, (std::vector<std::string>{"quarantine", "stop", "life"}));
}

TEST(Report, has_columns_of_equal_length_that_point_at_what_is_there) {
  const auto all = report(eventful());
  const auto& bars = all["bars"];
  const auto count = bars["lane"].size();
  EXPECT_EQ(count, eventful().chronicle().attempts().size());
  for (const auto& [name, column] : bars.items()) EXPECT_EQ(column.size(), count) << name;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_LT(bars["lane"][i], all["lanes"].size());
    EXPECT_LT(bars["step"][i], all["step_names"].size());
    EXPECT_TRUE(all["details"].contains(all["step_names"][bars["step"][i].get<std::size_t>()].get<std::string>()));
  }
}

TEST(Report, tells_of_a_step_its_attempts_in_all_lives_and_only_its_own_output) {
  const auto c = report(eventful())["details"]["c"];
  ASSERT_EQ(c["attempts"].size(), 3U);
  EXPECT_EQ(c["attempts"][0]["place"], "h2 slot 3 GPU-d");
  EXPECT_EQ(c["attempts"][2]["life"], 2);
  EXPECT_EQ(c["tail"][0], "output of 3.1");
  // The first life's attempt 1 of it has no output of its own any more: the second life's took its files.
  const auto failures = report(eventful())["failures"];
  for (const auto& cause : failures) {
    for (const auto& example : cause["examples"]) {
      if (example["step"] != "c") continue;
      EXPECT_TRUE(example["tail"].empty());
    }
  }
}

TEST(Report, gives_advice_on_nodes_and_bad_gpus) {
  std::string words;
  const auto advice = report(eventful())["advice"];
  for (const auto& one : advice) words += one["what"].get<std::string>() + "\n";
  EXPECT_THAT(words, HasSubstr("Leave out slot 3 on h2 with GPU-d"));
  EXPECT_THAT(words, HasSubstr("node"));
}

TEST(Report, of_a_running_run_and_of_an_empty_journal_is_whole_too) {
  TestJournal running(support::graph("a; b")), empty;
  running.life(0).worker(0, "h1", "-").launch(1, 1, 0, {0});
  const auto all = report(running, {}, RunPulse::runs);
  EXPECT_EQ(all["run"]["state"], "running");
  EXPECT_EQ(all["bars"]["end"][0], 1000.0);
  EXPECT_EQ(all["counts"]["running"], 1);
  EXPECT_THAT(all["verdict"].get<std::string>(), HasSubstr("1 is running"));
  EXPECT_EQ(report(empty)["bars"]["lane"].size(), 0U);
}

TEST(Report, of_a_run_that_was_broken_off_does_not_say_that_anything_runs) {
  TestJournal journal(support::graph("a; b"));
  journal.life(0).worker(0, "h1", "-").launch(1, 1, 0, {0});
  const auto all = report(journal, {}, RunPulse::broken_off);
  EXPECT_EQ(all["run"]["state"], "broken off");
  EXPECT_THAT(all["verdict"].get<std::string>(), HasSubstr("1 was cut off, 1 still waits"));
  EXPECT_EQ(all["counts"]["running"], 0);
  EXPECT_EQ(all["counts"]["cut_off"], 1);
  EXPECT_EQ(all["outcomes"][all["bars"]["outcome"][0].get<std::size_t>()], "cut_off");
  EXPECT_EQ(all["details"]["a"]["attempts"][0]["outcome"], "cut_off");
  EXPECT_EQ(all["failures"][0]["cause"], "its end is not known: the run was broken off");
}

TEST(Report, says_that_the_steps_file_is_not_there) {
  TestJournal without;
  without.life(0, 1).worker(0, "h1", "-").ran(1, 0, 0, 1).over(1);
  EXPECT_THAT(report(without)["verdict"].get<std::string>(), HasSubstr("steps file is not known"));
  EXPECT_EQ(report(without)["details"]["1"]["command"], "");
  EXPECT_EQ(report(eventful())["verdict"].get<std::string>().find("not known"), std::string::npos);
}

TEST(Report, tells_of_each_step_whose_long_id_begins_as_another_ones) {
  const std::string alike(200, 'x');
  TestJournal journal(support::graph(alike + "a; " + alike + "b; " + alike + "c"));
  journal.life(0).worker(0, "h1", "-").ran(1, 0, 0, 1).ran(2, 0, 1, 2).ran(3, 0, 2, 3).over(3);
  const auto all = report(journal);
  EXPECT_EQ(all["details"].size(), 3U);
  for (const auto& name : all["step_names"]) EXPECT_TRUE(all["details"].contains(name.get<std::string>())) << name;
  EXPECT_EQ(all["step_names"][2], alike + "... (step 3)");
}

TEST(Report, stays_small_whatever_the_run) {
  TestJournal journal;
  constexpr std::uint32_t steps = 20000;
  journal.life(0, steps).worker(0, "h1", "0 1 2 3");
  for (std::uint32_t step = 1; step <= steps; ++step) {
    journal.ran(step, step % 4, step * 0.01, step * 0.01 + 0.02, step % 50 == 0 ? "exit_code" : "succeeded");
  }
  journal.over(steps * 0.01 + 1, 1);
  ReportLimits limits;
  limits.bars = 2000;
  limits.details = 100;
  const auto all = report(journal, limits);
  EXPECT_LE(all["bars"]["lane"].size(), 2000U);
  EXPECT_LE(all["details"].size(), 100U);
  EXPECT_LE(all["critical_path"].size(), 500U);
  EXPECT_LT(all.dump().size(), 500000U);
}

}  // namespace
}  // namespace gradus
