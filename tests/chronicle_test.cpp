#include "run/chronicle.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "run/journal_tail.h"
#include "run/seal.h"
#include "support/temporary_folder.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string record(std::string text) {
  seal_record(text, 0);
  return text;
}

std::string life(int count, double t = 10) {
  return record(R"({"life":2,"t":)" + std::to_string(t) +
                R"(,"at":"2026-11-27T15:00:00Z","gradus":"0.1.0","steps":"a.txt","count":)" + std::to_string(count) +
                R"(,"host":"n1","pid":7,"argv":["gradus","run"]})");
}
std::string worker(int number, const std::string& host) {
  return record(R"({"worker":)" + std::to_string(number) + R"(,"host":")" + host +
                R"(","node":0,"local_rank":0,"slots":[{"slot":4,"thread":1,"gpus":["GPU-a"],"cores":[2]}]})");
}
std::string launch(int step, int attempt, double t, const std::string& more = "", const std::string& id = "") {
  return record(R"({"launch":)" + std::to_string(step) + R"(,"t":)" + std::to_string(t) + R"(,"a":)" +
                std::to_string(attempt) + R"(,"worker":0,"slots":[0])" + more + R"(,"key":"00000000000000)" +
                std::to_string(10 + step) + R"(","digest":"0000000000000001")" +
                (id.empty() ? "" : R"(,"id":")" + id + '"') + "}");
}
std::string end(int step, int attempt, const std::string& outcome, const std::string& final_state = "") {
  return record(R"({"end":)" + std::to_string(step) + R"(,"t":20.0,"a":)" + std::to_string(attempt) +
                R"(,"worker":0,"outcome":")" + outcome +
                R"(","code":3,"detail":"so it was","start":11.5,"stop":19.0,"user":1.0,"sys":0.5,"rss":99)" +
                (final_state.empty() ? "" : R"(,"final":")" + final_state + '"') + "}");
}

class ChronicleTest : public testing::Test {
 protected:
  Chronicle& tell(const std::string& text) {
    std::string padded = text;
    padded.reserve(text.size() + 128);
    JournalRecords records("j", chronicle);
    EXPECT_EQ(records.read(padded.data(), padded.size(), padded.capacity()), text.size());
    EXPECT_EQ(records.damage_in_words(), "");
    return chronicle;
  }
  Chronicle chronicle;
};

TEST_F(ChronicleTest, counts_where_each_step_stands) {
  tell(life(6) + worker(0, "n1") + launch(1, 1, 11) + launch(2, 1, 11) + launch(3, 1, 12) +
       end(1, 1, "succeeded", "succeeded") + end(2, 1, "exit_code", "failed") +
       record(R"({"settled":4,"t":20.0,"state":"skipped","because":2})"));
  const auto counts = chronicle.counts();
  EXPECT_EQ(counts.total, 6U);
  EXPECT_EQ(counts.succeeded, 1U);
  EXPECT_EQ(counts.failed, 1U);
  EXPECT_EQ(counts.skipped, 1U);
  EXPECT_EQ(counts.running, 1U);
  EXPECT_EQ(counts.waiting, 2U);
  EXPECT_EQ(chronicle.standing(3), StepStanding::running);
  EXPECT_EQ(chronicle.standing(4), StepStanding::skipped);
  EXPECT_EQ(chronicle.standing(5), StepStanding::untouched);
  EXPECT_EQ(chronicle.skipped_because(4), 2U);
  EXPECT_THAT(chronicle.running(), ElementsAre(2));
}

TEST_F(ChronicleTest, an_attempt_keeps_its_place_times_and_outcome) {
  tell(life(2) + worker(0, "n1") + launch(2, 1, 11, R"(,"waits":true)", "align") + end(2, 1, "exit_code", "failed"));
  const auto& row = chronicle.attempts().at(0);
  EXPECT_TRUE(row.failed());
  EXPECT_TRUE(row.waits);
  EXPECT_DOUBLE_EQ(row.seconds(), 7.5);
  EXPECT_EQ(row.code, 3);
  EXPECT_EQ(row.usage.max_rss_kib, 99U);
  EXPECT_EQ(chronicle.name_of(row), "align");
  EXPECT_EQ(chronicle.detail(0), "so it was");
  EXPECT_EQ(chronicle.find("align"), 2U);
  EXPECT_EQ(chronicle.find("2"), 2U);
  EXPECT_EQ(chronicle.find("3"), 0U);  // there is no such step
  EXPECT_EQ(chronicle.lives().at(0).workers.at(0).record.slots.at(0).gpus.at(0), "GPU-a");
}

TEST_F(ChronicleTest, a_retry_and_a_step_that_was_called_back_wait_again) {
  tell(life(2) + launch(1, 1, 11) + end(1, 1, "exit_code") + launch(2, 1, 11) + end(2, 1, "cancelled"));
  EXPECT_EQ(chronicle.counts().waiting, 2U);
  EXPECT_EQ(chronicle.standing(1), StepStanding::again);
  EXPECT_EQ(chronicle.standing(2), StepStanding::untouched);
}

TEST_F(ChronicleTest, the_latest_attempt_that_began_has_the_output) {
  const auto never_began = record(
      R"({"end":1,"t":21.0,"a":2,"worker":0,"outcome":"cancelled","start":0,"stop":0,"user":0,"sys":0,"rss":0})");
  tell(life(1) + worker(0, "n1") + launch(1, 1, 11) + end(1, 1, "exit_code") + launch(1, 2, 20) + never_began);
  const auto all = chronicle.attempts_of(0x11);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(chronicle.latest_begun(all), all.front());
  EXPECT_EQ(chronicle.latest_begun({all.back()}), all.back());
  EXPECT_EQ(chronicle.latest_begun({}), std::nullopt);
}

TEST_F(ChronicleTest, the_next_life_begins_with_what_it_kept_and_ends_what_nobody_ended) {
  tell(life(4) + launch(1, 1, 11) + end(1, 1, "succeeded", "succeeded") + launch(2, 1, 12) + life(4, 100) +
       record(R"({"kept":2,"t":100.0,"ranges":[1,1,3,3]})"));
  EXPECT_EQ(chronicle.attempts().at(1).state, AttemptRow::State::broken_off);
  EXPECT_EQ(chronicle.counts().kept, 2U);
  EXPECT_EQ(chronicle.counts().succeeded, 2U);
  EXPECT_EQ(chronicle.counts().waiting, 2U);
  EXPECT_TRUE(chronicle.lives().back().is_kept(3));
  EXPECT_FALSE(chronicle.lives().back().is_kept(2));
  EXPECT_FALSE(chronicle.lives().back().is_kept(4));
  EXPECT_EQ(chronicle.standing(1), StepStanding::untouched);
  EXPECT_EQ(chronicle.attempts_of(chronicle.attempts()[0].key).size(), 1U);
  EXPECT_EQ(chronicle.latest_attempt_of("2"), 1U);  // of the life before
}

TEST_F(ChronicleTest, an_end_that_nothing_waited_for_changes_nothing) {
  tell(life(2) + launch(1, 2, 11) + end(1, 1, "succeeded", "succeeded") +
       record(R"({"stray":1,"t":20.0,"a":1,"worker":0,"outcome":"succeeded"})"));
  EXPECT_EQ(chronicle.counts().succeeded, 0U);
  EXPECT_EQ(chronicle.running().size(), 1U);
}

TEST_F(ChronicleTest, losses_quarantines_stops_and_the_end_are_told) {
  tell(life(3) + worker(0, "n1") + launch(1, 1, 11) + record(R"({"gone":0,"t":13.0,"why":"no word"})") +
       record(R"({"lost":1,"t":13.0,"a":1,"worker":0})") +
       record(R"({"quarantined":4,"t":14.0,"worker":0,"host":"n1","gpus":["GPU-a"],"failures":3})") +
       record(R"({"stop":"drain","t":15.0,"why":"signal USR1"})") +
       record(R"({"over":75,"t":16.0,"succeeded":0,"failed":0,"skipped":0,"waiting":3})"));
  const auto& told = chronicle.lives().back();
  EXPECT_EQ(told.workers.at(0).lost, 13.0);
  EXPECT_EQ(told.quarantines.at(0).failures, 3U);
  EXPECT_EQ(told.stops.at(0).why, "signal USR1");
  EXPECT_EQ(told.over->exit_code, 75);
  EXPECT_DOUBLE_EQ(told.last, 16);
  EXPECT_EQ(chronicle.attempts()[0].state, AttemptRow::State::lost);
}

class JournalTailTest : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path, std::ios::app) << text; }
  tests::TemporaryFolder folder;
  std::string path = folder.file("journal.jsonl");
};

TEST_F(JournalTailTest, reads_on_as_the_journal_grows_even_within_a_record) {
  write(life(3) + launch(1, 1, 11));
  JournalTail tail(path);
  EXPECT_EQ(tail.chronicle().counts().running, 1U);
  EXPECT_FALSE(tail.read());
  const auto more = end(1, 1, "succeeded", "succeeded");
  write(more.substr(0, 20));
  EXPECT_FALSE(tail.read());
  write(more.substr(20));
  EXPECT_TRUE(tail.read());
  EXPECT_EQ(tail.chronicle().counts().succeeded, 1U);
  EXPECT_EQ(tail.damage(), "");
}

TEST_F(JournalTailTest, a_journal_begun_anew_is_read_anew) {
  write(life(3) + launch(1, 1, 11) + end(1, 1, "succeeded", "succeeded"));
  JournalTail tail(path);
  ASSERT_EQ(rename(path.c_str(), folder.file("old").c_str()), 0);
  write(life(5));
  EXPECT_TRUE(tail.read());
  EXPECT_EQ(tail.chronicle().counts().total, 5U);
  EXPECT_EQ(tail.chronicle().counts().succeeded, 0U);
}

TEST_F(JournalTailTest, damage_is_named_and_what_stands_before_it_is_told) {
  auto bad = launch(2, 1, 12);
  bad[20] ^= 1;
  write(life(3) + launch(1, 1, 11) + bad + launch(3, 1, 12));
  const JournalTail tail(path);
  EXPECT_EQ(tail.chronicle().counts().running, 1U);
  EXPECT_THAT(tail.damage(), testing::HasSubstr("line 3 "));
}

TEST_F(JournalTailTest, a_record_may_be_longer_than_what_is_read_at_once) {
  std::string ranges;
  for (int i = 1; i < 2000000; i += 2)
    ranges += (ranges.empty() ? "" : ",") + std::to_string(i) + "," + std::to_string(i);
  write(life(2000000) + record(R"({"kept":1000000,"t":1.0,"ranges":[)" + ranges + "]}"));
  const JournalTail tail(path);
  EXPECT_EQ(tail.damage(), "");
  EXPECT_EQ(tail.chronicle().counts().kept, 1000000U);
}

TEST_F(JournalTailTest, a_journal_that_is_not_there_is_said) {
  EXPECT_THROW(JournalTail(folder.file("none")), std::runtime_error);
}

TEST_F(JournalTailTest, the_pulse_is_that_of_the_lock_and_the_last_record) {
  write(life(3));
  JournalTail begun(path);
  EXPECT_EQ(pulse_of(folder.path(), begun.chronicle()), RunPulse::unknown);  // there is no lock
  const int fd = open(folder.file("lock").c_str(), O_RDWR | O_CREAT, 0644);
  EXPECT_EQ(pulse_of(folder.path(), begun.chronicle()), RunPulse::broken_off);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &whole), 0);
  EXPECT_EQ(pulse_of(folder.path(), begun.chronicle()), RunPulse::runs);
  close(fd);
  write(record(R"({"over":0,"t":16.0,"succeeded":3,"failed":0,"skipped":0,"waiting":0})"));
  EXPECT_EQ(pulse_of(folder.path(), JournalTail(path).chronicle()), RunPulse::over);
  EXPECT_EQ(pulse_of(folder.path(), begun.chronicle()), RunPulse::broken_off);
  EXPECT_EQ(pulse_of(folder.path(), begun), RunPulse::over) << "its end was written after it was read first";
}

}  // namespace
}  // namespace gradus
