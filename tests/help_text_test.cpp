#include "manual/help_text.h"

#include <gmock/gmock.h>

namespace gradus::manual {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto text =
    "Usage: gradus logs RUN                 which steps have written how much\n"
    "       gradus logs RUN STEP [options]\n"
    "\n"
    "RUN is a run directory\n"
    "or its steps file.\n"
    "\n"
    "Output:\n"
    "  --attempt N   of its Nth attempt\n"
    "                (default: its latest)\n"
    "  --gpu-sharing shared|exclusive\n"
    "                whether GPUs are shared\n"
    "\n"
    "Exit code: 0.\n";

TEST(HelpTextTest, is_taken_apart_into_usage_paragraphs_headings_and_items) {
  const auto help = read_help(text);
  ASSERT_EQ(help.usage.size(), 2U);
  EXPECT_EQ(help.usage[0].tag, "gradus logs RUN");
  EXPECT_EQ(help.usage[0].text, "which steps have written how much");
  EXPECT_EQ(help.usage[1].tag, "gradus logs RUN STEP [options]");
  ASSERT_EQ(help.blocks.size(), 4U);
  EXPECT_EQ(help.blocks[0].paragraph, "RUN is a run directory or its steps file.");
  EXPECT_EQ(help.blocks[1].heading, "Output");
  ASSERT_EQ(help.blocks[2].items.size(), 2U);
  EXPECT_EQ(help.blocks[2].items[0].tag, "--attempt N");
  EXPECT_EQ(help.blocks[2].items[0].text, "of its Nth attempt (default: its latest)");
  EXPECT_EQ(help.blocks[2].items[1].tag, "--gpu-sharing shared|exclusive");
  EXPECT_EQ(help.blocks[2].items[1].text, "whether GPUs are shared");
  EXPECT_EQ(help.blocks[3].paragraph, "Exit code: 0.");
}

TEST(HelpTextTest, a_form_that_fills_its_column_is_told_from_its_text_by_the_column) {
  const auto help =
      read_help("Usage: gradus\n\n  gradus plan [STEPS]   print\n  gradus simulate STEPS predict it\n  word alone\n");
  ASSERT_EQ(help.blocks.at(0).items.size(), 3U);
  EXPECT_EQ(help.blocks[0].items[1].tag, "gradus simulate STEPS");
  EXPECT_EQ(help.blocks[0].items[1].text, "predict it");
  EXPECT_EQ(help.blocks[0].items[2].tag, "word alone");
}

TEST(HelpTextTest, an_option_has_names_and_a_value_whose_words_may_be_typed) {
  const auto both = read_option("--out, --err");
  EXPECT_THAT(both.names, ElementsAre("--out", "--err"));
  EXPECT_EQ(both.value, "");
  const auto sharing = read_option("--quarantine N|off");
  EXPECT_EQ(sharing.value, "N|off");
  EXPECT_THAT(sharing.choices, ElementsAre("off"));
  EXPECT_THAT(read_option("--nodes N").choices, IsEmpty());
  EXPECT_EQ(read_option("--watch [TIME]").value, "") << "need not be there";
  EXPECT_THAT(read_option("-h [ --help ]").names, ElementsAre("-h", "--help"));
}

}  // namespace
}  // namespace gradus::manual
