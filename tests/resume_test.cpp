#include "run/resume.h"

#include <gmock/gmock.h>

#include <set>

#include "core/step_keys.h"
#include "support/builders.h"

namespace gradus {
namespace {

using support::graph;
using testing::ElementsAre;
using testing::IsEmpty;

bool everything_is_there(const std::string& /*path*/) { return true; }

/// As if these steps of `graph` had succeeded, and nothing else had run.
JournalStory succeeded(const Graph& graph, const std::vector<StepIndex>& steps) {
  JournalStory story;
  const auto keys = step_keys(graph);
  for (const auto step : steps) story.steps[keys[step].key] = {keys[step].digest, true, 1};
  return story;
}

JournalStory all_succeeded(const Graph& graph) {
  std::vector<StepIndex> steps;
  for (StepIndex step = 0; step < graph.step_count(); ++step) steps.push_back(step);
  return succeeded(graph, steps);
}

std::vector<std::string> to_run(const Graph& graph, const ResumePlan& plan) {
  std::vector<std::string> names;
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    if (!plan.succeeded_before[step]) names.push_back(graph.name(step));
  }
  return names;
}

/// One step without an id for each command, with what it creates and where it runs.
struct Maker {
  std::string command, creates, cwd;
};
std::shared_ptr<const Graph> makers(const std::vector<Maker>& steps) {
  GraphBuilder builder("steps.jsonl");
  for (const auto& one : steps) {
    StepOptions options;
    options.cwd = one.cwd;
    Step step;
    step.options = builder.intern(options);
    step.command = builder.store(one.command);
    if (!one.creates.empty()) step.creates = builder.store(one.creates + '\0');
    builder.add(step);
  }
  Diagnostics mistakes;
  return builder.build(mistakes);
}

/// The paths that are looked for when the one step of `graph` had succeeded.
std::vector<std::string> looked_for(const Graph& graph, const std::string& run_dir = {}) {
  std::vector<std::string> paths;
  plan_resume(
      graph, all_succeeded(graph),
      [&](const std::string& path) {
        paths.push_back(path);
        return true;
      },
      run_dir);
  return paths;
}

TEST(Resume, runs_nothing_when_all_has_succeeded) {
  const auto steps = graph("a; b after a; c after b");
  const auto plan = plan_resume(*steps, all_succeeded(*steps), everything_is_there);
  EXPECT_THAT(to_run(*steps, plan), IsEmpty());
  EXPECT_EQ(plan.kept, 3U);
  EXPECT_EQ(plan.in_words(), "3 of 3 steps succeeded before; 0 to run");
}

TEST(Resume, runs_everything_when_nothing_is_known) {
  const auto steps = graph("a; b after a");
  const auto plan = plan_resume(*steps, {}, everything_is_there);
  EXPECT_THAT(to_run(*steps, plan), ElementsAre("a", "b"));
  EXPECT_EQ(plan.kept, 0U);
}

TEST(Resume, runs_what_had_not_succeeded_and_keeps_the_rest) {
  const auto steps = graph("a; b; c after a");
  const auto plan = plan_resume(*steps, succeeded(*steps, {0, 2}), everything_is_there);
  EXPECT_THAT(to_run(*steps, plan), ElementsAre("b"));
  EXPECT_EQ(plan.kept, 2U);
}

TEST(Resume, a_step_whose_last_launch_did_not_end_runs_again) {
  const auto steps = graph("a");
  auto story = all_succeeded(*steps);
  story.steps.begin()->second.succeeded = false;
  EXPECT_THAT(to_run(*steps, plan_resume(*steps, story, everything_is_there)), ElementsAre("a"));
}

TEST(Resume, what_needs_a_step_that_runs_again_runs_again_too) {
  const auto steps = graph("a; b after a; c after b; d");
  const auto plan = plan_resume(*steps, succeeded(*steps, {1, 2, 3}), everything_is_there);
  EXPECT_THAT(to_run(*steps, plan), ElementsAre("a", "b", "c"));
  EXPECT_EQ(plan.behind_others, 2U);
  EXPECT_EQ(plan.kept, 1U);
  EXPECT_EQ(plan.in_words(),
            "1 of 4 steps succeeded before; 3 to run: 2 need one that runs again, 1 had not succeeded");
}

TEST(Resume, also_through_barriers_of_both_kinds) {
  const auto steps = graph("a; b; barrier; c; barrier=ended; d");
  EXPECT_THAT(to_run(*steps, plan_resume(*steps, succeeded(*steps, {1, 2, 3}), everything_is_there)),
              ElementsAre("a", "c", "d"));
  EXPECT_THAT(to_run(*steps, plan_resume(*steps, succeeded(*steps, {0, 1, 3}), everything_is_there)),
              ElementsAre("c", "d"));
  EXPECT_THAT(to_run(*steps, plan_resume(*steps, succeeded(*steps, {0, 1, 2}), everything_is_there)), ElementsAre("d"));
}

TEST(Resume, a_changed_step_runs_again_and_a_line_inserted_above_changes_nothing) {
  const auto before = makers({{"one", "", ""}, {"two", "", "/old"}, {"one", "", ""}});
  const auto now = makers({{"new", "", ""}, {"one", "", ""}, {"two", "", "/new"}, {"one", "", ""}});
  const auto plan = plan_resume(*now, all_succeeded(*before), everything_is_there);
  EXPECT_THAT(to_run(*now, plan), ElementsAre("1", "3"));
  EXPECT_EQ(plan.changed, 1U);
  EXPECT_EQ(plan.in_words(), "2 of 4 steps succeeded before; 2 to run: 1 changed, 1 had not succeeded");
}

TEST(Resume, a_step_that_lost_an_output_runs_again) {
  const auto steps = makers({{"one", std::string("a\0b", 3), ""}, {"two", "c", ""}});
  const auto plan = plan_resume(*steps, all_succeeded(*steps), [](const std::string& path) { return path != "b"; });
  EXPECT_THAT(to_run(*steps, plan), ElementsAre("1"));
  EXPECT_EQ(plan.outputs_missing, 1U);
}

TEST(Resume, outputs_are_looked_for_where_the_step_ran) {
  EXPECT_THAT(looked_for(*makers({{"x", "out", ""}})), ElementsAre("out"));
  EXPECT_THAT(looked_for(*makers({{"x", "out", "work"}})), ElementsAre("work/out"));
  EXPECT_THAT(looked_for(*makers({{"x", "/abs/out", "work"}})), ElementsAre("/abs/out"));
  EXPECT_THAT(looked_for(*makers({{"x", "out", "%(RUN_DIR)s/%(STEP)s"}}), "/r"), ElementsAre("/r/1/out"));
}

TEST(Resume, where_the_folder_depended_on_the_attempt_the_journal_is_believed) {
  const auto steps = makers({{"x", std::string("out\0/abs", 8), "gpu-%(GPU)s"}});
  EXPECT_THAT(looked_for(*steps), ElementsAre("/abs"));
  const auto plan = plan_resume(*steps, all_succeeded(*steps), [](const std::string& path) { return path == "/abs"; });
  EXPECT_EQ(plan.kept, 1U);
}

TEST(Resume, outputs_are_not_looked_for_when_the_step_runs_anyway) {
  const auto steps = makers({{"x", "out", ""}});
  plan_resume(*steps, {}, [](const std::string&) -> bool { throw std::logic_error("looked"); });
}

/// The same rule said the other way round, on graphs drawn by lot.
TEST(Resume, keeps_a_step_if_and_only_if_it_and_all_it_needs_have_succeeded) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    support::Dice dice(seed);
    std::string text;
    const auto count = dice.between(1, 12);
    std::vector<StepIndex> done;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i > 0 && dice.chance(0.15)) text += dice.chance(0.5) ? "barrier; " : "barrier=ended; ";
      text += "s" + std::to_string(i);
      if (i > 0 && dice.chance(0.5)) text += " after s" + std::to_string(dice.between(0, i - 1));
      text += "; ";
      if (dice.chance(0.8)) done.push_back(i);
    }
    SCOPED_TRACE(text);
    const auto steps = graph(text);
    const auto plan = plan_resume(*steps, succeeded(*steps, done), everything_is_there);
    const std::set<StepIndex> before(done.begin(), done.end());
    const std::function<bool(StepIndex)> is_good = [&](StepIndex node) {
      if (!steps->is_barrier(node) && !before.contains(node)) return false;
      for (const auto needed : steps->needs(node)) {
        if (!is_good(needed)) return false;
      }
      return true;
    };
    for (StepIndex step = 0; step < count; ++step) EXPECT_EQ(plan.succeeded_before[step], is_good(step)) << step;
    EXPECT_EQ(plan.kept + plan.behind_others, done.size());
  }
}

}  // namespace
}  // namespace gradus
