#include "gradus/diagnostic.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(Diagnostics, leave_out_what_has_no_place) {
  EXPECT_EQ(to_string({"f", 3, 5, "x"}), "f:3:5: x");
  EXPECT_EQ(to_string({"f", 3, 0, "x"}), "f:3: x");
  EXPECT_EQ(to_string({"f", 0, 0, "x"}), "f: x");
  EXPECT_EQ(to_string({"", 0, 0, "x"}), "x");
}

TEST(NearestWord, forgives_a_wrong_a_missing_an_added_and_two_swapped_letters) {
  const std::vector<std::string> known{"needs", "retries", "align"};
  for (const char* slip : {"neets", "need", "needds", "nedes"}) EXPECT_EQ(nearest_word(slip, known), "needs") << slip;
  EXPECT_EQ(nearest_word("aling", known), "align");
  EXPECT_EQ(nearest_word("retrys", known), "retries");
}

TEST(NearestWord, is_none_when_more_than_a_third_would_have_to_change) {
  EXPECT_EQ(nearest_word("dir", {"id", "cwd"}), "");
  EXPECT_EQ(nearest_word("abcdef", {"abcxyf"}), "abcxyf");
  EXPECT_EQ(nearest_word("abcdef", {"abxyzf"}), "");
  EXPECT_EQ(nearest_word("ab", {"ac"}), "");
  EXPECT_EQ(nearest_word("", {"a"}), "");
  EXPECT_EQ(nearest_word("word", {}), "");
}

TEST(NearestWord, is_the_nearest_and_of_equals_the_first) {
  EXPECT_EQ(nearest_word("timeouts", {"timeoutxyz", "timeout", "timeoutx"}), "timeout");
  EXPECT_EQ(nearest_word("gpux", {"gpus", "gpuz"}), "gpus");
}

}  // namespace
}  // namespace gradus
