#include "core/printable.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(Printable, leaves_ordinary_text_alone) { EXPECT_EQ(printable("a b-c_ü 分子 😀"), "a b-c_ü 分子 😀"); }

TEST(Printable, shows_what_a_terminal_would_obey) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m")
      << "C1's own control sequence introducer";
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\xe2\\x80\\xaeb")
      << "what follows would be read backwards";
  EXPECT_EQ(printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
  EXPECT_EQ(printable("\xe2\x80\x93"), "\xe2\x80\x93") << "a dash";
}

TEST(Printable, shows_bytes_that_are_no_text) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("x\xe4y"), "x\\xe4y");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf") << "an overlong form";
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(printable("\xf0\x9f\x98"), "\\xf0\\x9f\\x98") << "cut off";
}

TEST(PrintableLine, leaves_out_colours_and_what_was_overwritten) {
  EXPECT_EQ(printable_line("\x1b[1;31merror\x1b[0m: no\tGPU"), "error: no GPU");
  EXPECT_EQ(printable_line("10 %\r50 %\r100 %\r"), "100 %");
  EXPECT_EQ(printable_line("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(printable_line("\r\r\r"), "");
}

}  // namespace
}  // namespace gradus
