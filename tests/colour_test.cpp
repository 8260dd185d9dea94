#include "cli/colour.h"

#include <gtest/gtest.h>

namespace gradus::cli {
namespace {

TEST(ColourTest, is_on_terminals_alone) {
  EXPECT_TRUE(colours_wanted(true, nullptr, "xterm"));
  EXPECT_FALSE(colours_wanted(false, nullptr, "xterm"));
}

TEST(ColourTest, is_off_with_NO_COLOR_whatever_it_says_but_not_when_it_is_empty) {
  EXPECT_FALSE(colours_wanted(true, "1", "xterm"));
  EXPECT_FALSE(colours_wanted(true, "0", "xterm"));
  EXPECT_TRUE(colours_wanted(true, "", "xterm"));
}

TEST(ColourTest, is_off_on_terminals_that_know_none) {
  EXPECT_FALSE(colours_wanted(true, nullptr, "dumb"));
  EXPECT_FALSE(colours_wanted(true, nullptr, ""));
  EXPECT_FALSE(colours_wanted(true, nullptr, nullptr));
}

TEST(ColourTest, leaves_the_text_alone_when_off_and_ends_its_colour_when_on) {
  EXPECT_EQ(Colour(false).red("failed"), "failed");
  EXPECT_EQ(Colour(true).red("failed"), "\x1b[31mfailed\x1b[0m");
  EXPECT_EQ(Colour(true).green(""), "") << "nothing to colour";
}

}  // namespace
}  // namespace gradus::cli
