#include "gradus/steps_file.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

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
  EXPECT_EQ(steps_format("A.JSONL"), StepsFormat::json_lines);
  EXPECT_EQ(steps_format("a.ndjson"), StepsFormat::json_lines);
  EXPECT_EQ(steps_format("a.b.Json"), StepsFormat::json_array);
  EXPECT_EQ(steps_format("jsonl"), StepsFormat::text);
  EXPECT_EQ(steps_format("a.json/steps"), StepsFormat::text);
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
    EXPECT_THAT(file.warnings, testing::SizeIs(1)) << line;
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
                  HasSubstr("12:1: gpus is 0, but the step has a GPU mark"), HasSubstr("14:9: --cwd has no value"),
                  HasSubstr("15:9: #GRADUS does not know 'barier': did you mean barrier?")));
  EXPECT_FALSE(file.graph);
}

TEST(TextSteps, are_refused_when_there_are_none_or_it_is_no_text) {
  EXPECT_THAT(mistakes(text("# nothing\n")), ElementsAre(HasSubstr("no steps")));
  EXPECT_THAT(mistakes(text(std::string("a\nb\0c\n", 6))), ElementsAre(HasSubstr("2:2: a NUL byte")));
}

TEST(TextSteps, may_begin_with_a_byte_order_mark) {
  EXPECT_THAT(commands(text("\xef\xbb\xbf#GRADUS --retries 1\r\na\r\n")), ElementsAre("a"));
}

TEST(TextSteps, are_not_made_of_backslashes_alone) {
  const auto file = text("\\\n\\\n\nb\n");
  EXPECT_THAT(commands(file), ElementsAre("b"));
  EXPECT_EQ(file.graph->step(0).line, 4U);
}

TEST(TextSteps, tell_where_an_unknown_mark_stands_in_a_continued_command) {
  EXPECT_THAT(mistakes(text(" a %(X)s\\\n  b \\\n  %(Y)s %(Z)s\n")),
              ElementsAre(HasSubstr("1:4: unknown mark %(X)s"), HasSubstr("3:3: unknown mark %(Y)s"),
                          HasSubstr("3:9: unknown mark %(Z)s")));
  EXPECT_THAT(mistakes(text("\\\n  %(Y)s\n")), ElementsAre(HasSubstr("2:3: unknown mark %(Y)s")));
}

TEST(TextSteps, are_told_once_of_a_mistake_in_a_line_that_holds_for_many) {
  EXPECT_THAT(mistakes(text("#GRADUS --needs nobody,none --env A=%(GPUS)s --cwd %(HOSTT)s\na\nb\nc\n")),
              testing::UnorderedElementsAre(
                  HasSubstr("1:9: step 1 needs 'nobody'"), HasSubstr("1:9: step 1 needs 'none'"),
                  HasSubstr("1:29: unknown mark %(GPUS)s"), HasSubstr("1:46: unknown mark %(HOSTT)s")));
}

TEST(TextSteps, see_gpu_marks_in_the_environment_and_the_folder_until_default) {
  const auto file = text("#GRADUS --env A=%(GPU)s\na\n#GRADUS default\nb\n#GRADUS --cwd %(GPU_COMMA)s\nc\n");
  ASSERT_TRUE(file.graph);
  EXPECT_TRUE(file.graph->step(0).has_gpu_mark);
  EXPECT_FALSE(file.graph->step(1).has_gpu_mark);
  EXPECT_TRUE(file.graph->step(2).has_gpu_mark);
}

TEST(TextSteps, have_an_id_for_the_next_command_only) {
  EXPECT_THAT(
      mistakes(text("#GRADUS --id a\n#GRADUS --id b\nx\ny\n#GRADUS --id c\n")),
      ElementsAre(HasSubstr("1:9: no command follows the id 'a'"), HasSubstr("5:9: no command follows the id 'c'")));
}

TEST(TextSteps, collect_needs_creates_and_env_of_one_line_and_replace_them_by_the_next) {
  const auto file = text(
      "a\nb\n#GRADUS --needs 1 --needs=2 --creates x --creates 'y z' --env A=1 --env A=2\nc\n"
      "#GRADUS --needs 1 --creates w --env B=3\nd\n#GRADUS --timeout 5 --needs ''\n#GRADUS --timeout none\ne\n");
  ASSERT_TRUE(file.graph) << mistakes(file).front();
  const auto& graph = *file.graph;
  EXPECT_THAT(needs(graph, 2), ElementsAre("1", "2"));
  EXPECT_EQ(graph.step(2).creates, std::string_view("x\0y z\0", 6));
  EXPECT_THAT(graph.options(2).env, ElementsAre(testing::Pair("A", "2")));
  EXPECT_THAT(needs(graph, 3), ElementsAre("1"));
  EXPECT_EQ(graph.step(3).creates, std::string_view("w\0", 2));
  EXPECT_THAT(graph.options(3).env, ElementsAre(testing::Pair("B", "3")));
  EXPECT_THAT(needs(graph, 4), IsEmpty());
  EXPECT_EQ(graph.options(4).timeout_s, 0);
}

TEST(TextSteps, want_barrier_and_default_alone_on_their_line) {
  EXPECT_THAT(mistakes(text("a\n#GRADUS barrier --retries 1\n#GRADUS default x\nb\n")),
              ElementsAre(HasSubstr("2:17: 'barrier' stands alone"), HasSubstr("3:17: 'default' stands alone")));
}

TEST(TextSteps, point_into_the_text_and_are_not_copied) {
  const auto lines = std::make_shared<const std::string>("first\nsecond\n");
  const auto file = parse_steps("f", lines, StepsFormat::text, nullptr);
  EXPECT_EQ(file.graph->step(1).command.data(), lines->data() + 6);
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

TEST(Steps, over_nodes_take_them_whole_and_have_a_host_file) {
  const auto file = jsonl(R"({"command":"mpirun --hostfile %(HOSTFILE)s x %(NODES)s","nodes":3,"gpus":4})");
  ASSERT_TRUE(file.graph) << mistakes(file).front();
  EXPECT_EQ(file.graph->options(0).nodes, 3U);
  EXPECT_EQ(text("#GRADUS --nodes-per-step 2\nx\n").graph->options(0).nodes, 2U);
  EXPECT_THAT(mistakes(jsonl(R"({"command":"x","nodes":2,"cpus":4})")), ElementsAre(HasSubstr("leave out cpus")));
  EXPECT_THAT(mistakes(jsonl(R"({"command":"x %(HOSTFILE)s"})")), ElementsAre(HasSubstr("steps with nodes")));
  EXPECT_THAT(mistakes(jsonl(R"({"command":"x","env":{"H":"%(HOSTFILE)s"}})")), ElementsAre(HasSubstr("nodes")));
  EXPECT_THAT(mistakes(jsonl(R"({"command":"x","nodes":0})")), ElementsAre(HasSubstr("from 1 to")));
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
  EXPECT_THAT(mistakes(file),
              testing::UnorderedElementsAre(
                  HasSubstr("1:2: unknown key \"comand\": did you mean \"command\"?"),
                  HasSubstr("1:1: this step has neither"), HasSubstr("2:1: a step has either"),
                  HasSubstr("3:2: \"command\" takes a text"), HasSubstr("4:16: \"gpus\" takes a whole number"),
                  HasSubstr("5:16: \"retries\": '-1'"), HasSubstr("6:16: \"timeout\": 'soon'"),
                  HasSubstr("7:16: \"needs\" takes a list of ids"), HasSubstr("8:16: \"env\" takes names of variables"),
                  HasSubstr("9:16: \"command\" stands twice"), HasSubstr("10:1: no valid JSON object"),
                  HasSubstr("11:1: JSON has no comments"), HasSubstr("12:2: \"argv\" takes a list of texts"),
                  HasSubstr("13:15: unknown mark %(HOSTT)s: did you mean %(HOST)s?")));
}

TEST(JsonSteps, tell_where_an_array_is_broken) {
  EXPECT_THAT(mistakes(array("[\n{\"command\":\"x\"},\n{\"command\" \"y\"}\n]")), ElementsAre(HasSubstr("3:")));
  EXPECT_THAT(mistakes(array("\n {\"command\":\"x\"}")), ElementsAre(HasSubstr("2:2: this is an object")));
  EXPECT_THAT(mistakes(array("\"x\"")), ElementsAre(HasSubstr("no valid JSON array")));
  EXPECT_THAT(mistakes(array("[\"x\"]")), testing::Contains(HasSubstr("a step is an object")));
  EXPECT_THAT(mistakes(array("[]")), ElementsAre(HasSubstr("no steps")));
  EXPECT_THAT(mistakes(array("[{\"command\":\"x\"}] more")), testing::Contains(HasSubstr("no valid JSON array")));
}

TEST(JsonSteps, refuse_trailing_text_behind_an_object) {
  EXPECT_THAT(mistakes(jsonl("{\"command\":\"x\"} {\"command\":\"y\"}")),
              testing::Contains(HasSubstr("no valid JSON object")));
}

TEST(JsonSteps, are_refused_with_their_place_when_they_are_no_json_at_all) {
  EXPECT_THAT(mistakes(jsonl("{\"command\":\"a\xff\"}\n{\"command\":\"b\n{\"comand\":1,\"command\":\"c\"}\n")),
              ElementsAre(HasSubstr("1:14: no valid JSON object"), HasSubstr("2:12: no valid JSON object"),
                          HasSubstr("3:2: unknown key \"comand\"")));
  EXPECT_THAT(mistakes(array("[{\"command\":\"a\"},\n{\"command\":\"\xc3\xa9\xc3\"}]")),
              ElementsAre(HasSubstr("2:15: ")));
  EXPECT_THAT(mistakes(array("[{\"command\":\"a\"},\n{\"command\":\"b}]\n")), ElementsAre(HasSubstr("2:12: ")));
}

TEST(JsonSteps, are_none_in_an_empty_file) {
  for (const char* blank : {"", " \r\n\t\n"}) {
    EXPECT_THAT(mistakes(array(blank)), ElementsAre(HasSubstr("no steps")));
    EXPECT_THAT(mistakes(jsonl(blank)), ElementsAre(HasSubstr("no steps")));
  }
}

TEST(JsonSteps, may_begin_with_a_byte_order_mark_and_end_lines_as_windows_does) {
  EXPECT_THAT(commands(jsonl("\xef\xbb\xbf{\"command\":\"a\"}\r\n\r\n{\"command\":\"b\"}\r\n")), ElementsAre("a", "b"));
  EXPECT_THAT(commands(array("\xef\xbb\xbf[{\"command\":\"a\"}]")), ElementsAre("a"));
}

TEST(JsonSteps, do_not_blame_others_for_a_step_that_cannot_be_read) {
  EXPECT_THAT(mistakes(jsonl("{\"id\":\"a\",\"command\":\"x\" oops}\n7\n"
                             "{\"command\":\"y\",\"needs\":[\"a\",\"4\"]}\n{\"command\":\"z\"}\n")),
              ElementsAre(HasSubstr("1:25: no valid JSON object"), HasSubstr("2:1: no valid JSON object")));
  EXPECT_THAT(mistakes(array("[{\"command\":\"x\",\"needs\":[\"b\"]},\n{\"id\":\"b\" \"command\":\"y\"}]")),
              ElementsAre(HasSubstr("2:11: no valid JSON array")));
}

TEST(JsonSteps, name_the_other_json_format_when_it_is_that_one) {
  EXPECT_THAT(mistakes(jsonl("\n[\n{\"command\":\"x\"}\n]\n")), ElementsAre(HasSubstr("2:1: this is no JSON Lines")));
}

TEST(JsonSteps, read_numbers_as_programs_write_them_and_refuse_what_only_begins_like_one) {
  const auto file = jsonl("{\"command\":\"x\",\"cost\":1e-1,\"timeout\":1.5E1}");
  ASSERT_TRUE(file.graph) << mistakes(file).front();
  EXPECT_FLOAT_EQ(file.graph->step(0).cost, 0.1F);
  EXPECT_EQ(file.graph->options(0).timeout_s, 15);
  for (const char* bad :
       {"\"id\":1abc", "\"cost\":01", "\"cost\":1e400", "\"needs\":[1x]", "\"gpus\":2.5", "\"cpus\":1-",
        "\"timeout\":-1", "\"retries\":true", "\"priority\":null", "\"env\":{\"A\":1x}"}) {
    EXPECT_THAT(mistakes(jsonl(std::string("{\"command\":\"x\",") + bad + "}")), ElementsAre(HasSubstr("1:16: \"")))
        << bad;
  }
}

TEST(JsonSteps, hold_no_nul_anywhere) {
  for (const char* bad :
       {"\"command\":\"a\\u0000\"", "\"argv\":[\"a\\u0000b\"]", "\"id\":\"\\u0000\",\"command\":\"x\"",
        "\"cwd\":\"a\\u0000\",\"command\":\"x\"", "\"env\":{\"A\":\"\\u0000\"},\"command\":\"x\"",
        "\"creates\":\"a\\u0000b\",\"command\":\"x\"", "\"creates\":[\"\\u0000\"],\"command\":\"x\"",
        "\"needs\":[\"\\u0000\"],\"command\":\"x\""}) {
    EXPECT_THAT(mistakes(jsonl(std::string("{") + bad + "}")), ElementsAre(HasSubstr("1:2: \""))) << bad;
  }
}

TEST(JsonSteps, tell_a_variable_that_stands_twice_and_take_an_empty_list_of_outputs) {
  EXPECT_THAT(mistakes(jsonl("{\"command\":\"x\",\"env\":{\"A\":\"1\",\"A\":\"2\"}}")),
              ElementsAre(HasSubstr("'A' stands twice")));
  EXPECT_THAT(commands(jsonl("{\"command\":\"x\",\"creates\":[],\"needs\":[],\"env\":{}}")), ElementsAre("x"));
}

TEST(JsonSteps, tell_where_unknown_marks_stand_in_whatever_text) {
  EXPECT_THAT(mistakes(array("[{\"argv\":[\"x\",\"%(A)s\"],\n\"env\":{\"V\":\"%(B)s\"},\n\"cwd\":\"w/%(C)s\"}]")),
              ElementsAre(HasSubstr("1:16: unknown mark %(A)s"), HasSubstr("2:13: unknown mark %(B)s"),
                          HasSubstr("3:10: unknown mark %(C)s")));
  // Hidden behind an escape: the key is near enough.
  EXPECT_THAT(mistakes(jsonl("{\"command\":\"\\u0025(A)s\"}")), ElementsAre(HasSubstr("1:2: unknown mark %(A)s")));
}

// ---- all formats -------------------------------------------------------------------------------

TEST(StepsFile, shows_mistakes_in_the_order_of_the_file) {
  std::vector<std::uint32_t> lines;
  for (const auto& one :
       jsonl("{\"command\":\"x\",\"needs\":[\"q\"]}\n{\"command\":7}\n{\"command\":\"x\",\"needs\":[3]}\n"
             "{\"comand\":\"x\",\"command\":\"y\"}\n")
           .mistakes)
    lines.push_back(one.line);
  EXPECT_THAT(lines, ElementsAre(1, 2, 3, 4));
}

/// Whatever stands in a file: a graph or mistakes, never both, never an exception, and every place is in it.
TEST(StepsFile, survives_random_slips_in_every_format) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string pieces[] = {"\"",
                                "{",
                                "}",
                                "[",
                                "]",
                                ",",
                                ":",
                                "\\",
                                "\n",
                                "#GRADUS ",
                                "%(",
                                ")s",
                                "\xff",
                                "\xc3",
                                "'",
                                "0",
                                "e",
                                " ",
                                std::string(1, '\0'),
                                "barrier",
                                "--needs ",
                                "\\u0000",
                                "null",
                                "\r"};
  const std::pair<StepsFormat, std::string> valid[] = {
      {StepsFormat::text,
       "#GRADUS --gpus '0 1'\na %(GPU)s \\\n b\n#GRADUS --id x --needs 1 --env A=1\nc\n#GRADUS barrier\nd\n"},
      {StepsFormat::json_lines,
       "{\"id\":\"a\",\"command\":\"x %(GPU)s\"}\n{\"argv\":[\"p\"],\"needs\":[\"a\"],\"cost\":1.5}\n"},
      {StepsFormat::json_array,
       "[{\"id\":\"a\",\"command\":\"x\",\"env\":{\"A\":\"1\"}},\n{\"argv\":[\"p\"],\"needs\":[1]}]\n"}};
  for (int round = 0; round < 3000; ++round) {
    auto [format, bytes] = valid[random() % std::size(valid)];
    for (auto slips = 1 + random() % 3; slips > 0; --slips) {
      const auto at = random() % (bytes.size() + 1);
      bytes.replace(at, random() % 3, pieces[random() % std::size(pieces)]);
    }
    SCOPED_TRACE(bytes);
    const auto lines = 1 + std::count(bytes.begin(), bytes.end(), '\n');
    const auto file = parsed(bytes, format);
    EXPECT_EQ(file.graph == nullptr, !file.mistakes.empty());
    for (const auto& one : file.mistakes) {
      EXPECT_LE(one.line, lines) << to_string(one);
      EXPECT_LE(one.column, bytes.size() + 1) << to_string(one);
      EXPECT_FALSE(one.message.empty());
    }
  }
}

TEST(StepsFile, warns_once_of_commands_that_do_not_wait_for_what_they_start) {
  const auto file = text("a && b\nsleep 5 &\n(c; d) & \ne &&\n");
  ASSERT_EQ(file.warnings.size(), 1U);
  EXPECT_EQ(file.warnings[0].line, 2U);
  EXPECT_THAT(file.warnings[0].message, testing::HasSubstr("ends in '&' (and 1 more)"));
}

TEST(StepsFile, warns_once_of_json_in_plain_text) {
  const auto file = text("{ a; }\n{\"command\":\"a\"}\n  {\"command\":\"b\"}\necho {\"a\"}\n");
  ASSERT_EQ(file.warnings.size(), 1U);
  EXPECT_EQ(file.warnings[0].line, 2U);
  EXPECT_THAT(file.warnings[0].message, testing::HasSubstr("(and 1 more): it is given to a shell"));
}

}  // namespace
}  // namespace gradus
