#include "core/step_keys.h"

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

namespace gradus {
namespace {

struct Line {
  std::string id;
  std::string command;
  std::vector<std::string> needs;
  StepOptions options;
  bool is_argv = false;
};

std::shared_ptr<const Graph> graph_of(const std::vector<Line>& lines, std::size_t barrier_before = 1000) {
  GraphBuilder builder("steps.jsonl");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i == barrier_before) builder.barrier(BarrierKind::succeeded);
    Step step;
    step.id = builder.store(lines[i].id);
    step.command = builder.store(lines[i].command);
    step.is_argv = lines[i].is_argv;
    step.options = builder.intern(lines[i].options);
    const auto index = builder.add(step);
    for (const auto& need : lines[i].needs) builder.need(index, builder.store(need), 1, 1);
  }
  Diagnostics mistakes;
  const auto graph = builder.build(mistakes);
  EXPECT_TRUE(mistakes.empty());
  return graph;
}

std::vector<StepKey> keys_of(const std::vector<Line>& lines, std::size_t barrier_before = 1000) {
  return step_keys(*graph_of(lines, barrier_before));
}

Line line(std::string command) { return {"", std::move(command), {}, {}, false}; }

TEST(StepKeys, a_line_inserted_above_changes_no_key_and_no_digest) {
  const auto before = keys_of({line("a x"), line("b x")});
  const auto after = keys_of({line("new"), line("a x"), line("b x")});
  EXPECT_EQ(before[0].key, after[1].key);
  EXPECT_EQ(before[1].key, after[2].key);
  EXPECT_EQ(before[1].digest, after[2].digest);
}

TEST(StepKeys, equal_commands_are_told_apart_by_which_of_them_they_are) {
  const auto keys = keys_of({line("same"), line("same"), line("same")});
  EXPECT_EQ((std::set<std::uint64_t>{keys[0].key, keys[1].key, keys[2].key}).size(), 3U);
  EXPECT_EQ(keys[0].digest, keys[2].digest);
}

TEST(StepKeys, an_explicit_id_is_the_key_and_a_changed_command_only_the_digest) {
  const auto before = keys_of({{"align", "old", {}, {}, false}});
  const auto after = keys_of({{"align", "new", {}, {}, false}});
  EXPECT_EQ(before[0].key, after[0].key);
  EXPECT_NE(before[0].digest, after[0].digest);
}

TEST(StepKeys, of_one_step_is_what_it_is_among_all) {
  const std::string words("same\0", 5);
  const auto graph = graph_of({line("same"),
                               line("other"),
                               {"same", "same", {}, {}, false},
                               {"", words, {}, {}, true},
                               line("same"),
                               {"", "same", {}, {}, true},
                               {"", words, {}, {}, true},
                               line("same")});
  const auto keys = step_keys(*graph);
  for (StepIndex step = 0; step < keys.size(); ++step) EXPECT_EQ(key_of_step(*graph, step), keys[step].key) << step;
}

TEST(StepKeys, a_step_named_like_a_command_is_not_that_command) {
  EXPECT_NE(keys_of({{"x", "x", {}, {}, false}})[0].key, keys_of({line("x")})[0].key);
}

TEST(StepKeys, environment_folder_and_argv_are_in_the_digest) {
  const auto digest = [](const StepOptions& options, bool is_argv = false) {
    return keys_of({{"a", std::string("x\0", 2), {}, options, is_argv}})[0].digest;
  };
  StepOptions env, other_split, cwd, retries;
  env.env = {{"A", "BC"}};
  other_split.env = {{"AB", "C"}};
  cwd.cwd = "/elsewhere";
  retries.retries = 3;
  const auto plain = digest({});
  EXPECT_EQ((std::set<std::uint64_t>{plain, digest(env), digest(other_split), digest(cwd), digest({}, true)}).size(),
            5U);
  EXPECT_EQ(plain, digest(retries)) << "how often it is tried does not change what it does";
}

TEST(StepKeys, needs_are_in_the_digest_whatever_their_order) {
  const Line a{"a", "1", {}, {}, false}, b{"b", "2", {}, {}, false};
  const auto with = [&](std::vector<std::string> needs) {
    return keys_of({a, b, {"c", "3", std::move(needs), {}, false}})[2].digest;
  };
  EXPECT_EQ(with({"a", "b"}), with({"b", "a"}));
  EXPECT_EQ(with({"a", "b"}), keys_of({b, a, {"c", "3", {"a", "b"}, {}, false}})[2].digest);
  EXPECT_NE(with({"a"}), with({"b"}));
  EXPECT_NE(with({}), with({"a"}));
}

TEST(StepKeys, a_barrier_is_not_in_the_digest) {
  const std::vector<Line> lines{line("a"), line("b")};
  EXPECT_EQ(keys_of(lines)[1].digest, keys_of(lines, 1)[1].digest);
}

TEST(StepKeys, values_on_disk_stay_what_they_were) {
  const auto keys = keys_of({{"align", "run %(GPU)s", {}, {}, false}, line("echo done")});
  EXPECT_EQ(keys[0].key, 0x3d7724ffb9564e5aU);
  EXPECT_EQ(keys[0].digest, 0xafdac8e2069ad2baU);
  EXPECT_EQ(keys[1].key, 0xe125922c865ba4f4U);
}

}  // namespace
}  // namespace gradus
