#include "core/size_text.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(SizeText, reads_what_people_write) {
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("64k"), 65536U);
  EXPECT_EQ(parse_size("1.5G"), 3ULL << 29);
  EXPECT_EQ(parse_size("10MB"), 10ULL << 20);
  EXPECT_EQ(parse_size("2GiB"), 2ULL << 30);
}

TEST(SizeText, refuses_everything_else) {
  for (const char* wrong : {"", "G", "-1", "1X", "1GG", "1 G", "1iB", "nan", "inf", "9999999T", "1e400"}) {
    EXPECT_FALSE(parse_size(wrong)) << wrong;
  }
}

TEST(SizeText, says_them_in_the_nearest_unit) {
  EXPECT_EQ(size_text(512), "512 bytes");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(10ULL << 30), "10 GiB");
}

}  // namespace
}  // namespace gradus
