#include "node/step_output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "core/output_pack.h"
#include "run/output_archive.h"
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

TEST(GrowingFile, keeps_the_end_of_a_long_last_line) {
  TemporaryFolder folder;
  GrowingFile file;
  ASSERT_EQ(file.open(folder.file("log")), 0);
  append(file.fd(), std::string(50000, '\r') + "all done\n");  // a progress bar
  file.keep_below(8000);
  EXPECT_THAT(folder.read("log"), EndsWith("\rall done\n"));
}

/// One slot's output in a run directory of its own.
class SlotOutputTest : public testing::Test {
 protected:
  void SetUp() override {
    mkdir(folder_.file("logs").c_str(), 0755);
    settings_.run_dir = folder_.path();
    settings_.life = "1.2";
    pack_ = std::make_unique<OutputPack>(folder_.file(pack_name(0, settings_.life)));
  }
  SlotOutput& output(OutputKind kind) {
    settings_.output = kind;
    output_ = std::make_unique<SlotOutput>(settings_, 0, 1, -1, *pack_);
    return *output_;
  }
  static AttemptOrder order(std::uint32_t step, std::uint32_t attempt = 1) {
    AttemptOrder one;
    one.step = step;
    one.attempt = attempt;
    return one;
  }
  /// What end() says.
  std::string write_and_end(SlotOutput& output, const AttemptOrder& which, const std::string& out,
                            const std::string& err, bool succeeded = true) {
    output.begin(which);
    if (!out.empty()) append(output.out_fd(), out);
    if (!err.empty()) append(output.err_fd(), err);
    return output.end(which, succeeded);
  }
  std::string read(const std::string& name) { return folder_.read(name); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.file("logs")))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryFolder folder_;
  RunSettings settings_;
  std::unique_ptr<OutputPack> pack_;
  std::unique_ptr<SlotOutput> output_;
};

TEST_F(SlotOutputTest, says_what_was_left_out) {
  settings_.output_limit = 4096;
  auto& one = output(OutputKind::steps);
  EXPECT_THAT(write_and_end(one, order(0), "", std::string(9000, 'e')), HasSubstr("left out (--output-limit 4.0 KiB)"));
  EXPECT_EQ(write_and_end(one, order(1), "", "little"), "");  // and of the next step nothing
}

TEST_F(SlotOutputTest, two_files_for_each_attempt) {
  auto& one = output(OutputKind::steps);
  write_and_end(one, order(6), "out\n", "err\n");
  write_and_end(one, order(6, 2), "again\n", "");
  EXPECT_EQ(read("logs/7.out"), "out\n");
  EXPECT_EQ(read("logs/7.err"), "err\n");
  EXPECT_EQ(read("logs/7.2.out"), "again\n");
}

TEST_F(SlotOutputTest, a_pack_has_all_attempts_one_after_the_other_and_nothing_of_silent_ones) {
  auto& one = output(OutputKind::packed);
  write_and_end(one, order(0), "first\n", "oh\n");
  write_and_end(one, order(1), "", "");
  write_and_end(one, order(2), "third", "", false);
  output_.reset();
  EXPECT_THAT(files(), testing::ElementsAre("rank-0.1.2.pack"));
  EXPECT_EQ(read("logs/rank-0.1.2.pack"),
            "gradus-output step=1 attempt=1 out=6 err=3\nfirst\noh\n\n"
            "gradus-output step=3 attempt=1 out=5 err=0\nthird\n");
}

TEST_F(SlotOutputTest, what_runs_can_be_read_before_it_is_packed) {
  auto& one = output(OutputKind::packed);
  one.begin(order(0));
  append(one.out_fd(), "so far\n");
  EXPECT_EQ(read("logs/running.0.1.out"), "so far\n");
  one.end(order(0), true);
  EXPECT_EQ(read("logs/running.0.1.out"), "");
}

TEST_F(SlotOutputTest, only_failed_attempts_keep_theirs) {
  auto& one = output(OutputKind::failed);
  write_and_end(one, order(0), "fine\n", "");
  write_and_end(one, order(1), "", "broken\n", false);
  write_and_end(one, order(2), "fine again\n", "");
  output_.reset();
  EXPECT_THAT(files(), testing::ElementsAre("2.err"));
  EXPECT_EQ(read("logs/2.err"), "broken\n");
}

TEST_F(SlotOutputTest, none_makes_no_file) {
  auto& one = output(OutputKind::none);
  one.begin(order(0));
  EXPECT_EQ(one.out_fd(), -1);  // the null device that it was made with
  EXPECT_EQ(one.end(order(0), false), "");
  EXPECT_THAT(files(), testing::IsEmpty());
}

TEST_F(SlotOutputTest, a_pack_that_cannot_be_written_is_said) {
  pack_ = std::make_unique<OutputPack>(folder_.file("nowhere/pack"));
  auto& one = output(OutputKind::packed);
  EXPECT_THAT(write_and_end(one, order(0), "lost\n", ""), HasSubstr("its output is lost"));
}

TEST_F(SlotOutputTest, where_the_folder_was_removed_it_says_whose_output_is_lost_and_goes_on_when_it_is_back) {
  for (const auto kind : {OutputKind::packed, OutputKind::failed, OutputKind::steps}) {
    auto& one = output(kind);
    EXPECT_EQ(write_and_end(one, order(0), "one\n", "", false), "");
    one.begin(order(1));
    append(one.out_fd(), "two\n");
    std::filesystem::remove_all(folder_.file("logs"));
    EXPECT_THAT(one.end(order(1), false), HasSubstr("its output is lost")) << static_cast<int>(kind);
    one.begin(order(2));
    EXPECT_THAT(one.end(order(2), false), HasSubstr("its output is lost")) << static_cast<int>(kind);
    mkdir(folder_.file("logs").c_str(), 0755);
    EXPECT_EQ(write_and_end(one, order(3), "four\n", "", false), "");
    EXPECT_TRUE(OutputArchive(folder_.path()).find(4, 1, Stream::out).has_value()) << static_cast<int>(kind);
  }
}

TEST_F(SlotOutputTest, where_the_pack_was_removed_it_says_so_once) {
  auto& one = output(OutputKind::packed);
  write_and_end(one, order(0), "one\n", "");
  std::filesystem::remove(folder_.file(pack_name(0, settings_.life)));
  EXPECT_EQ(write_and_end(one, order(1), "two\n", ""),
            "what steps before it had written is lost: their pack was removed");
  EXPECT_EQ(write_and_end(one, order(2), "three\n", ""), "");
}

// ---- and read again ------------------------------------------------------------------------------

TEST_F(SlotOutputTest, the_archive_finds_what_was_packed_and_what_has_files_of_its_own) {
  write_and_end(output(OutputKind::packed), order(0), "packed out\n", "packed err\n");
  write_and_end(*output_, order(16, 3), "", "later\n");
  write_and_end(output(OutputKind::steps), order(1), "own\n", "");
  OutputArchive archive(folder_.path());
  const auto text = [&](std::uint32_t ordinal, std::uint32_t attempt, Stream stream) -> std::string {
    const auto found = archive.find(ordinal, attempt, stream);
    if (!found) return "(nothing)";
    std::ifstream file(found->path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(found->offset));
    std::string bytes(found->size, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  };
  EXPECT_EQ(text(1, 1, Stream::out), "packed out\n");
  EXPECT_EQ(text(1, 1, Stream::err), "packed err\n");
  EXPECT_EQ(text(17, 3, Stream::err), "later\n");
  EXPECT_EQ(text(17, 3, Stream::out), "(nothing)");
  EXPECT_EQ(text(17, 1, Stream::err), "(nothing)");
  EXPECT_EQ(text(2, 1, Stream::out), "own\n");
  std::vector<std::uint32_t> listed;
  for (const auto& one : archive.list()) listed.push_back(one.ordinal);
  EXPECT_THAT(listed, testing::ElementsAre(1, 2, 17));
}

TEST_F(SlotOutputTest, an_earlier_life_has_no_word_in_what_this_one_has_written) {
  write_and_end(output(OutputKind::steps), order(0), "old\n", "old\n");
  write_and_end(*output_, order(0, 2), "old\n", "old\n");
  write_and_end(output(OutputKind::packed), order(1), "old\n", "");
  settings_.life = "2.2";
  settings_.has_earlier_outputs = true;
  pack_ = std::make_unique<OutputPack>(folder_.file(pack_name(0, settings_.life)));
  for (const auto kind : {OutputKind::packed, OutputKind::failed, OutputKind::none}) {
    folder_.write("logs/1.out", "old\n");
    write_and_end(output(kind), order(0), "", "");
    write_and_end(*output_, order(1), "", "");
    OutputArchive archive(folder_.path(), 2, settings_.life);
    for (const auto stream : {Stream::out, Stream::err}) {
      EXPECT_FALSE(archive.find(1, 1, stream).has_value()) << static_cast<int>(kind);
      EXPECT_FALSE(archive.find(2, 1, stream).has_value()) << static_cast<int>(kind);
    }
    EXPECT_TRUE(archive.find(1, 2, Stream::out).has_value()) << "that attempt has not begun again";
  }
  auto called_back_before = order(0, 3);
  called_back_before.number = 1;
  write_and_end(output(OutputKind::none), called_back_before, "", "");
  EXPECT_FALSE(OutputArchive(folder_.path(), 2, settings_.life).find(1, 2, Stream::out).has_value());
  EXPECT_TRUE(OutputArchive(folder_.path(), 1, "1.2").find(2, 1, Stream::out).has_value());
  EXPECT_TRUE(OutputArchive(folder_.path(), 1).find(2, 1, Stream::out).has_value()) << "where the life is not known";
}

TEST_F(SlotOutputTest, the_archive_stops_where_a_pack_is_torn) {
  write_and_end(output(OutputKind::packed), order(0), "whole\n", "");
  write_and_end(*output_, order(1), "cut off in the middle\n", "");
  const auto path = folder_.file(pack_name(0, settings_.life));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  OutputArchive archive(folder_.path());
  EXPECT_TRUE(archive.find(1, 1, Stream::out).has_value());
  EXPECT_FALSE(archive.find(2, 1, Stream::out).has_value());
}

TEST_F(SlotOutputTest, the_end_of_an_output_is_made_fit_for_a_terminal) {
  write_and_end(output(OutputKind::packed), order(0), "one\ntwo\n\x1b[31mthree\n", "");
  const auto lines = last_lines(*OutputArchive(folder_.path()).find(1, 1, Stream::out), 2);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "two");
  EXPECT_THAT(lines[1], testing::Not(HasSubstr("\x1b")));
}

TEST(LogNames, restart_may_remove_only_what_a_run_has_written) {
  for (const auto* name : {"17.out", "17.2.err", "3.hosts", "running.2.0.out", "rank-0.1700.42.pack", "gone.1700.42"}) {
    EXPECT_TRUE(is_log_name(name)) << name;
  }
  for (const auto* name : {"notes.out", "17.txt", "running.hosts", "running.1.2.hosts", "rank-x.pack", "rank-1.pack",
                           "gone.", "gone.me", "1.2.3.out", ".out", "1..out", "results.pack"}) {
    EXPECT_FALSE(is_log_name(name)) << name;
  }
}

TEST(LogNames, of_an_attempts_own_files_tell_which_it_is) {
  EXPECT_EQ(read_log_name("17.out"), (LogName{17, 1, Stream::out}));
  EXPECT_EQ(read_log_name("17.2.err"), (LogName{17, 2, Stream::err}));
  for (const auto* name : {"17.hosts", "running.2.0.out", "rank-0.1700.42.pack", "notes.out", "99999999999.out"}) {
    EXPECT_EQ(read_log_name(name), std::nullopt) << name;
  }
}

TEST(LogNames, tell_whose_pack_it_is) {
  EXPECT_TRUE(is_pack_of("1700.42", "rank-0.1700.42.pack"));
  EXPECT_TRUE(is_pack_of("", "rank-0.1700.42.pack"));
  EXPECT_FALSE(is_pack_of("700.42", "rank-0.1700.42.pack"));
  EXPECT_FALSE(is_pack_of("1700.42", "running.1700.42.pack"));
}

TEST(PackLine, is_read_as_it_was_written_and_nothing_else_is) {
  const PackedOutput one{17, 2, 1234567, 0};
  auto line = pack_line(one);
  EXPECT_LE(line.size(), longest_pack_line);
  line.pop_back();
  EXPECT_EQ(read_pack_line(line), one);
  for (const auto* wrong :
       {"", "gradus-output", "gradus-output step=1 attempt=1 out=1", "gradus-output step=1 attempt=1 out=1 err=1 ",
        "gradus-output step=-1 attempt=1 out=1 err=1", "gradus-output step=1 attempt=1 out=99999999999999999999 err=1",
        "gradus-output step=1 attempt=1 out=9999999999999999999 err=1"}) {
    EXPECT_FALSE(read_pack_line(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace gradus
