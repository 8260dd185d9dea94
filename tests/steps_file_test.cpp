#include "gradus/steps_file.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

bool is_gpus_or_threads(std::string_view word) { return word == "--gpus" || word == "--threads"; }

StepsFile parsed(const std::string& text, StepsFormat format) {
  return parse_steps("f", std::make_shared<const std::string>(text), format, is_gpus_or_threads);
}
StepsFile text(const std::string& lines) { return parsed(lines, StepsFormat::text); }
StepsFile jsonl(const std::string& lines) { return parsed(lines, StepsFormat::json_lines); }
StepsFile array(const std::string& document) { return parsed(document, StepsFormat::json_array); }

std::vector<std::string> commands(const StepsFile& file) {
  std::vector<std::string> all;
  for (StepIndex i = 0; file.graph && i < file.graph->step_count(); ++i) all.emplace_back(file.graph->step(i).command);
  return all;
}
/// `line:column: message` of every mistake.
std::vector<std::string> mistakes(const StepsFile& file) {
  std::vector<std::string> all;
  for (auto one : file.mistakes) {
    EXPECT_EQ(one.file, "f");
    one.file = "";
    all.push_back(to_string(one).substr(one.line > 0 ? 1 : 0));
  }
  return all;
}
std::vector<std::string> needs(const Graph& graph, StepIndex step) {
  std::vector<std::string> all;
  for (const auto node : graph.needs(step)) all.push_back(graph.name(node));
  return all;
}

TEST(StepsFile, goes_by_the_ending_of_the_name) {
  EXPECT_EQ(steps_format("a.jsonl"), StepsFormat::json_lines);
  EXPECT_EQ(steps_format("a.json"), StepsFormat::json_array);
  EXPECT_EQ(steps_format("a.txt"), StepsFormat::text);
  EXPECT_EQ(steps_format("-"), StepsFormat::text);
}

// ---- plain text -------------------------------------------------------------------------------

TEST(TextSteps, are_one_command_a_line_without_comments_and_blanks) {
  EXPECT_THAT(commands(text("# a comment\n\n  first 'a # b'  \r\n\tsecond\n   # another\nlast")),
              ElementsAre("first 'a # b'", "second", "last"));
}

TEST(TextSteps, are_continued_by_a_backslash_but_not_by_two) {
  const auto file = text("one \\\n  two\\\nthree\nnext \\\\\nend\n");
  EXPECT_THAT(commands(file), ElementsAre("one   twothree", "next \\\\", "end"));
  EXPECT_EQ(file.graph->step(1).line, 4U);
}

TEST(TextSteps, have_the_options_of_the_lines_above_until_replaced_or_default) {
  const auto file = text(
      "a\n#GRADUS --gpus-per-step 2 --timeout=30m --retries 1\nb\n#GRADUS --retries 3 --env A=1 --env 'B=x y'\nc\n"
      "#GRADUS default\nd\n");
  ASSERT_TRUE(file.graph);
  const auto& graph = *file.graph;
  EXPECT_EQ(graph.options(0), StepOptions{});
  EXPECT_EQ(graph.options(1).gpus, 2U);
  EXPECT_EQ(graph.options(1).timeout_s, 1800);
  EXPECT_EQ(graph.options(2).gpus, 2U);
  EXPECT_EQ(graph.options(2).retries, 3U);
  EXPECT_THAT(graph.options(2).env, ElementsAre(testing::Pair("A", "1"), testing::Pair("B", "x y")));
  EXPECT_EQ(graph.options(3), StepOptions{});
}

TEST(TextSteps, can_have_an_id_and_needs) {
  const auto file = text("#GRADUS --id first\na\nb\n#GRADUS --needs first,2\nc\n");
  ASSERT_TRUE(file.graph) << mistakes(file).front();
  EXPECT_THAT(needs(*file.graph, 2), ElementsAre("first", "2"));
  EXPECT_EQ(file.graph->name(0), "first");
  EXPECT_EQ(file.graph->name(1), "2");
}

TEST(TextSteps, wait_behind_a_barrier_which_is_one_node) {
  const auto file = text("a\nb\n#GRADUS barrier\nc\nd\n");
  ASSERT_TRUE(file.graph);
  EXPECT_EQ(file.graph->node_count(), 5U);
  EXPECT_THAT(needs(*file.graph, 4), ElementsAre("1", "2"));
  EXPECT_THAT(file.graph->needs(2), ElementsAre(4));
  EXPECT_THAT(file.graph->needs(3), ElementsAre(4));
}

TEST(TextSteps, collect_run_options_before_the_first_command_and_refuse_them_after) {
  const auto file = text("#GRADUS --gpus '0 1' --threads=3\na\n");
  ASSERT_EQ(file.run_options.size(), 2U);
  EXPECT_THAT(file.run_options[0].words, ElementsAre("--gpus", "0 1"));
  EXPECT_THAT(file.run_options[1].words, ElementsAre("--threads=3"));
  EXPECT_THAT(mistakes(text("a\n#GRADUS --gpus 0\n")),
              ElementsAre(HasSubstr("2:16: --gpus is an option of the whole run")));
}

TEST(TextSteps, warn_of_lines_that_nearly_are_directives) {
  for (const char* line :
       {"# GRADUS --retries 1", "#gradus barrier", "#Gradus default", "#GRADUS: --retries 1", "#GRADUS-x"}) {
    const auto file = text(std::string("a\n") + line + "\n");
    EXPECT_THAT(file.warnings, testing::SizeIs(line == std::string("#GRADUS-x") ? 1 : 1)) << line;
    EXPECT_THAT(file.mistakes, IsEmpty()) << line;
  }
  EXPECT_THAT(text("# gradual change\na\n").warnings, IsEmpty());
}

TEST(TextSteps, tell_ten_mistakes_at_once_with_their_places) {
  const auto file = text(
      "#GRADUS --retrys 1\n"         // 1
      "a %(GPUS)s\n"                 // 2
      "#GRADUS --timeout soon\n"     // 3
      "#GRADUS --needs nobody\nb\n"  // 4
      "#GRADUS default\n"
      "#GRADUS --gpus-per-step -1\n"  // 5
      "#GRADUS --env NOVALUE\n"       // 6
      "#GRADUS 'open\n"               // 7
      "#GRADUS --gpus 0\n"            // 8
      "#GRADUS --gpus-per-step 0\n"
      "c %(GPU)s\n"  // 9
      "#GRADUS default\n"
      "#GRADUS --cwd\n"     // 10
      "#GRADUS barier\n");  // 11
  EXPECT_THAT(mistakes(file),
              testing::UnorderedElementsAre(
                  HasSubstr("1:9: #GRADUS does not know '--retrys': did you mean --retries?"),
                  HasSubstr("2:3: unknown mark %(GPUS)s: did you mean %(GPU)s?"), HasSubstr("3:9: timeout: 'soon'"),
                  HasSubstr("4:9: step 2 needs 'nobody'"), HasSubstr("7:9: gpus: '-1'"),
                  HasSubstr("8:9: env: write NAME=VALUE"), HasSubstr("9:8: a quote is not closed"),
                  HasSubstr("10:16: --gpus is an option of the whole run"),
                  HasSubstr("12: gpus is 0, but the step has a GPU mark"), HasSubstr("14:9: --cwd has no value"),
                  HasSubstr("15:9: #GRADUS does not know 'barier': did you mean barrier?")));
  EXPECT_FALSE(file.graph);
}

TEST(TextSteps, are_refused_when_there_are_none_or_it_is_no_text) {
  EXPECT_THAT(mistakes(text("# nothing\n")), ElementsAre(HasSubstr("no steps")));
  EXPECT_THAT(mistakes(text(std::string("a\nb\0c\n", 6))), ElementsAre(HasSubstr("2: a NUL byte")));
}

// ---- JSON --------------------------------------------------------------------------------------

TEST(JsonSteps, can_have_every_key) {
  const auto file = jsonl(
      R"({"id":"a","command":"x %(GPU)s","gpus":2,"cpus":4,"timeout":"1h30m","retries":2,"priority":-1,"cost":2.5,)"
      R"("env":{"A":"1","N":5},"cwd":"w","creates":["o1","o2"]})"
      "\n\n"
      R"({"argv":["p","q r"],"needs":["a"],"creates":"o3","timeout":7})");
  ASSERT_TRUE(file.graph) << mistakes(file).front();
  const auto& graph = *file.graph;
  EXPECT_EQ(graph.options(0).gpus, 2U);
  EXPECT_EQ(graph.options(0).cpus, 4U);
  EXPECT_EQ(graph.options(0).timeout_s, 5400);
  EXPECT_EQ(graph.options(0).priority, -1);
  EXPECT_FLOAT_EQ(graph.step(0).cost, 2.5);
  EXPECT_TRUE(graph.step(0).has_gpu_mark);
  EXPECT_THAT(graph.options(0).env, ElementsAre(testing::Pair("A", "1"), testing::Pair("N", "5")));
  EXPECT_EQ(graph.step(0).creates, std::string_view("o1\0o2\0", 6));
  EXPECT_EQ(graph.step(1).command, std::string_view("p\0q r\0", 6));
  EXPECT_TRUE(graph.step(1).is_argv);
  EXPECT_EQ(graph.step(1).line, 3U);
  EXPECT_THAT(needs(graph, 1), ElementsAre("a"));
}

TEST(JsonSteps, may_stand_in_an_array_with_escapes_and_ordinals_as_needs) {
  const auto file = array("[\n {\"command\":\"a \\\"b\\\" \\u00e9\"},\n {\"command\":\"c\",\n  \"needs\":[1]}\n]\n");
  ASSERT_TRUE(file.graph) << mistakes(file).front();
  EXPECT_THAT(commands(file), ElementsAre("a \"b\" \xc3\xa9", "c"));
  EXPECT_THAT(needs(*file.graph, 1), ElementsAre("1"));
  EXPECT_EQ(file.graph->step(1).line, 3U);
}

TEST(JsonSteps, see_gpu_marks_in_the_environment_too) {
  EXPECT_TRUE(jsonl(R"({"command":"x","env":{"CUDA_VISIBLE_DEVICES":"%(GPU)s"}})").graph->step(0).has_gpu_mark);
}

TEST(JsonSteps, tell_ten_mistakes_at_once_with_their_places) {
  const auto file = jsonl(
      "{\"comand\":\"x\"}\n"                           // 1: two
      "{\"command\":\"x\",\"argv\":[\"x\"]}\n"         // 2
      "{\"command\":7}\n"                              // 3
      "{\"command\":\"x\",\"gpus\":\"two\"}\n"         // 4
      "{\"command\":\"x\",\"retries\":-1}\n"           // 5
      "{\"command\":\"x\",\"timeout\":\"soon\"}\n"     // 6
      "{\"command\":\"x\",\"needs\":\"1\"}\n"          // 7
      "{\"command\":\"x\",\"env\":{\"A B\":\"1\"}}\n"  // 8
      "{\"command\":\"x\",\"command\":\"y\"}\n"        // 9
      "{\"command\":\"x\"\n"                           // 10
      "# comment\n"                                    // 11
      "{\"argv\":[]}\n"                                // 12
      "{\"command\":\"x %(HOSTT)s\"}\n");              // 13
  EXPECT_THAT(
      mistakes(file),
      testing::UnorderedElementsAre(
          HasSubstr("1:2: unknown key \"comand\": did you mean \"command\"?"), HasSubstr("1:1: this step has neither"),
          HasSubstr("2:1: a step has either"), HasSubstr("3:2: \"command\" takes a text"),
          HasSubstr("4:16: \"gpus\" takes a whole number"), HasSubstr("5:16: \"retries\": '-1'"),
          HasSubstr("6:16: \"timeout\": 'soon'"), HasSubstr("7:16: \"needs\" takes a list of ids"),
          HasSubstr("8:16: \"env\" takes names of variables"), HasSubstr("9:16: \"command\" stands twice"),
          HasSubstr("10:"), HasSubstr("11:1: JSON has no comments"), HasSubstr("12:2: \"argv\" takes a list of texts"),
          HasSubstr("13: unknown mark %(HOSTT)s: did you mean %(HOST)s?")));
}

TEST(JsonSteps, tell_where_an_array_is_broken) {
  EXPECT_THAT(mistakes(array("[\n{\"command\":\"x\"},\n{\"command\" \"y\"}\n]")), ElementsAre(HasSubstr("3:")));
  EXPECT_THAT(mistakes(array("{\"command\":\"x\"}")), ElementsAre(HasSubstr("no valid JSON array")));
  EXPECT_THAT(mistakes(array("[\"x\"]")), testing::Contains(HasSubstr("a step is an object")));
  EXPECT_THAT(mistakes(array("[]")), ElementsAre(HasSubstr("no steps")));
  EXPECT_THAT(mistakes(array("[{\"command\":\"x\"}] more")), testing::Contains(HasSubstr("no valid JSON array")));
}

TEST(JsonSteps, refuse_trailing_text_behind_an_object) {
  EXPECT_THAT(mistakes(jsonl("{\"command\":\"x\"} {\"command\":\"y\"}")),
              testing::Contains(HasSubstr("no valid JSON object")));
}

}  // namespace
}  // namespace gradus
