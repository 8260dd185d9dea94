#include "run/followed_output.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "node/step_output.h"
#include "support/temporary_folder.h"

namespace gradus {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class FollowedOutputTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(file_.open(folder_.file("log")), 0); }
  void add(const std::string& text) {
    ASSERT_EQ(write(file_.fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// Numbered lines.
  void add_lines(int first, int last) {
    for (int i = first; i <= last; ++i) add(fmt::format("line {}\n", i));
  }
  void cut() { file_.keep_below(2000); }
  /// What is new in it.
  std::string news() {
    std::string all;
    was_cut_ = followed_.read({folder_.file("log"), 0, file_.size()}, [&](std::string_view part) { all += part; });
    return all;
  }

  tests::TemporaryFolder folder_;
  GrowingFile file_;
  FollowedOutput followed_;
  bool was_cut_ = false;
};

TEST_F(FollowedOutputTest, gives_each_byte_once_while_nothing_is_cut) {
  add("one\n");
  EXPECT_EQ(news(), "one\n");
  EXPECT_EQ(news(), "");
  add("two\n");
  add(std::string(200000, 'x'));
  EXPECT_EQ(news(), "two\n" + std::string(200000, 'x'));
  EXPECT_FALSE(was_cut_);
}

TEST_F(FollowedOutputTest, goes_on_with_the_line_that_tells_what_is_missing) {
  add_lines(1, 400);
  news();
  cut();
  EXPECT_THAT(news(),
              testing::AllOf(StartsWith("\n[gradus: about "), HasSubstr("left out here"), EndsWith("\nline 400\n")));
  EXPECT_TRUE(was_cut_);
  EXPECT_EQ(news(), "");
  add("end\n");
  EXPECT_EQ(news(), "end\n");
  EXPECT_FALSE(was_cut_);
}

TEST_F(FollowedOutputTest, sees_a_cut_after_which_it_has_grown_beyond_what_was_given) {
  add_lines(1, 250);
  news();
  cut();
  add_lines(251, 400);
  EXPECT_THAT(news(), testing::AllOf(StartsWith("\n[gradus: about "), EndsWith("\nline 400\n")));
  EXPECT_TRUE(was_cut_);
}

TEST_F(FollowedOutputTest, sees_each_further_cut_even_where_every_byte_is_the_same) {
  add(std::string(5000, 'x'));
  news();
  cut();
  EXPECT_THAT(news(), StartsWith("\n[gradus: about "));
  add(std::string(5000, 'x'));
  cut();
  add(std::string(5000, 'x'));
  EXPECT_THAT(news(), StartsWith("\n[gradus: about "));
  EXPECT_TRUE(was_cut_);
}

TEST_F(FollowedOutputTest, gives_nothing_of_another_step_that_has_the_file_now) {
  add_lines(1, 10);
  news();
  file_.clear();
  EXPECT_EQ(news(), "");
  add_lines(100, 200);
  EXPECT_EQ(news(), "");
}

}  // namespace
}  // namespace gradus
