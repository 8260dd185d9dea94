#include "node/step_output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "support/temporary_folder.h"

namespace gradus {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using tests::TemporaryFolder;

void append(int fd, const std::string& text) {
  ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(GrowingFile, keeps_its_beginning_and_its_latest_end) {
  TemporaryFolder folder;
  GrowingFile file;
  ASSERT_EQ(file.open(folder.file("log")), 0);
  for (int i = 0; i < 20000; ++i) append(file.fd(), fmt::format("line {}\n", i));
  file.keep_below(10000);
  const auto once = folder.read("log");
  EXPECT_LT(once.size(), 10000U);
  EXPECT_THAT(once, StartsWith("line 0\nline 1\n"));
  EXPECT_THAT(once, HasSubstr("bytes of output were left out here"));
  EXPECT_THAT(once, EndsWith("line 19998\nline 19999\n"));
  for (int i = 20000; i < 40000; ++i) append(file.fd(), fmt::format("line {}\n", i));
  file.keep_below(10000);
  EXPECT_LT(folder.read("log").size(), 10000U);
  EXPECT_THAT(folder.read("log"), StartsWith("line 0\n"));
  EXPECT_THAT(folder.read("log"), EndsWith("line 39999\n"));
  EXPECT_GT(file.left_out(), 400000U);
}

TEST(GrowingFile, leaves_a_small_one_and_one_without_limit_alone) {
  TemporaryFolder folder;
  GrowingFile file;
  ASSERT_EQ(file.open(folder.file("log")), 0);
  append(file.fd(), std::string(10000, 'x'));
  file.keep_below(10000);
  file.keep_below(0);
  EXPECT_EQ(folder.read("log").size(), 10000U);
  EXPECT_EQ(file.left_out(), 0U);
}

TEST(GrowingFile, cuts_what_has_no_line_end_too) {
  TemporaryFolder folder;
  GrowingFile file;
  ASSERT_EQ(file.open(folder.file("log")), 0);
  append(file.fd(), std::string(50000, '\r'));
  file.keep_below(8000);
  EXPECT_LT(folder.read("log").size(), 8000U);
}

TEST(StepOutput, says_what_was_left_out) {
  TemporaryFolder folder;
  mkdir(folder.file("logs").c_str(), 0755);
  RunSettings settings;
  settings.run_dir = folder.path();
  settings.output_limit = 4096;
  StepOutput output(AttemptOrder{}, settings, -1);
  append(output.err_fd(), std::string(9000, 'e'));
  EXPECT_EQ(output.trouble(), "");
  output.keep_below_limit();
  EXPECT_THAT(output.trouble(), HasSubstr("left out (--output-limit 4.0 KiB)"));
}

}  // namespace
}  // namespace gradus
