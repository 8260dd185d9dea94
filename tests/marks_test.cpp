#include "gradus/marks.h"

#include <gmock/gmock.h>

#include <random>

namespace gradus {
namespace {

using testing::ElementsAre;

/// Every mark becomes <NAME>, a visible-devices value <NAME!>.
std::string expand(const std::string& text) {
  return expand_marks(
      text, [](Mark mark, bool is_value) { return std::string("<") + mark_name(mark) + (is_value ? "!>" : ">"); });
}
std::vector<std::string> unknown(const std::string& text) {
  std::vector<UnknownMark> found;
  split_marks(text, &found);
  std::vector<std::string> names;
  for (const auto& one : found) names.push_back(std::to_string(one.offset) + ":" + one.name + "~" + one.nearest);
  return names;
}

TEST(Marks, replaces_every_known_mark) {
  EXPECT_EQ(expand("%(GPU)s %(GPU_COMMA)s %(GPU_COLON)s %(GPU_FROM1)s %(GPU_COUNT)s %(GPU_ENV)s"),
            "<GPU> <GPU_COMMA> <GPU_COLON> <GPU_FROM1> <GPU_COUNT> <GPU_ENV>");
  EXPECT_EQ(expand("%(STEP)s%(ATTEMPT)s%(RANK)s%(LOCAL_RANK)s%(THREAD)s%(SLOT)s%(HOST)s%(CPUS)s%(RUN_DIR)s"),
            "<STEP><ATTEMPT><RANK><LOCAL_RANK><THREAD><SLOT><HOST><CPUS><RUN_DIR>");
}

TEST(Marks, leaves_everything_else_alone) {
  for (const std::string text : {"date +%s", "50%", "%(title)s", "%d %%", "%(GPU)", "%(GPU)d", "%()s", "% (GPU)s",
                                 "%(GPU )s", "$HOME ${X} `x` 'a' \"b\" {c}", "%", "%%", "%(", "%(Gpu)s", "%(1)s"}) {
    EXPECT_EQ(expand(text), text);
    EXPECT_THAT(unknown(text), testing::IsEmpty()) << text;
  }
}

TEST(Marks, takes_a_doubled_percent_sign_before_a_name_as_the_literal) {
  EXPECT_EQ(expand("%%(GPU)s"), "%(GPU)s");
  EXPECT_EQ(expand("%%(ANYTHING)s %(GPU)s"), "%(ANYTHING)s <GPU>");
  EXPECT_EQ(expand("%%%(GPU)s"), "%%(GPU)s");
  EXPECT_THAT(unknown("%%(ANYTHING)s"), testing::IsEmpty());
}

TEST(Marks, knows_the_value_of_a_visible_devices_variable) {
  EXPECT_EQ(expand("CUDA_VISIBLE_DEVICES=%(GPU)s x --gpu %(GPU)s"), "CUDA_VISIBLE_DEVICES=<GPU!> x --gpu <GPU>");
  EXPECT_EQ(expand("env ROCR_VISIBLE_DEVICES=\"%(GPU)s\" x"), "env ROCR_VISIBLE_DEVICES=\"<GPU!>\" x");
  EXPECT_EQ(expand("HIP_VISIBLE_DEVICES='%(GPU)s'"), "HIP_VISIBLE_DEVICES='<GPU!>'");
  EXPECT_EQ(expand("export ZE_AFFINITY_MASK=%(GPU)s"), "export ZE_AFFINITY_MASK=<GPU!>");
  EXPECT_EQ(expand("MY_CUDA_VISIBLE_DEVICES=%(GPU)s"), "MY_CUDA_VISIBLE_DEVICES=<GPU>");
  EXPECT_EQ(expand("CUDA_VISIBLE_DEVICES= %(GPU)s"), "CUDA_VISIBLE_DEVICES= <GPU>");
}

TEST(Marks, finds_unknown_upper_case_marks_with_their_place_and_the_nearest_known) {
  EXPECT_THAT(unknown("x %(GPUS)s %(HOSTT)s %(ZZZZZZ)s"), ElementsAre("2:GPUS~GPU", "11:HOSTT~HOST", "21:ZZZZZZ~"));
  EXPECT_EQ(expand("x %(GPUS)s"), "x %(GPUS)s");
}

TEST(Marks, tells_gpu_marks_from_others) {
  EXPECT_TRUE(has_gpu_mark("a %(GPU_COUNT)s"));
  EXPECT_FALSE(has_gpu_mark("a %(STEP)s %%(GPU)s %(GPUS)s"));
}

TEST(Marks, lets_only_harmless_characters_into_a_shell_line) {
  EXPECT_TRUE(is_safe_in_shell("GPU-12ab,3:4/x_y.z@h+1-2"));
  for (const char c : std::string("; |&$`\"'\\<>(){}[]*?#~=!%\n\t ^"))
    EXPECT_FALSE(is_safe_in_shell(std::string(1, c))) << c;
}

/// Random command lines over pieces that look much like marks.
TEST(Marks, changes_nothing_but_marks_in_any_command_line) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> pieces{"%",   "(", ")", "s",  "$",  "'",  "\"", "{", "}", "GPU",
                                        "gpu", "=", " ", "\\", "%(", ")s", "é",  "a", "1", "_"};
  for (int round = 0; round < 20000; ++round) {
    std::string text, wanted;
    const auto length = random() % 30;
    for (unsigned i = 0; i < length; ++i) {
      const auto& piece = pieces[random() % pieces.size()];
      text += piece;
      wanted += piece;
      // A mark, kept apart by blanks so that it cannot join with what stands beside it.
      if (random() % 10 == 0) {
        text += " %(RANK)s ";
        wanted += " <RANK> ";
      }
    }
    // Marks that came about by chance are not what this test is about.
    if (wanted.find("%(GPU)s") != std::string::npos || text.find("%%(RANK)s") != std::string::npos ||
        text.find("%%(GPU") != std::string::npos)
      continue;
    ASSERT_EQ(expand(text), wanted);
  }
}

}  // namespace
}  // namespace gradus
