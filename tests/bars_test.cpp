#include "report/bars.h"

#include <gtest/gtest.h>

#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

std::uint64_t attempts_in(const std::vector<Bar>& bars, std::uint8_t outcome) {
  std::uint64_t count = 0;
  for (const auto& bar : bars) count += bar.outcome == outcome ? bar.count : 0;
  return count;
}

/// `count` steps of 10 ms on two slots; every `nth` fails.
void fill(TestJournal& journal, std::uint32_t count, std::uint32_t nth) {
  journal.life(0, count).worker(0, "h1", "0 1");
  for (std::uint32_t step = 1; step <= count; ++step) {
    const double begin = 0.01 * (step / 2);
    journal.ran(step, step % 2, begin, begin + 0.01, step % nth == 0 ? "exit_code" : "succeeded");
  }
  journal.over(0.01 * count);
}

TEST(Bars, are_single_attempts_when_these_are_few) {
  TestJournal journal;
  fill(journal, 100, 7);
  const RunStory story(journal.chronicle(), nullptr);
  const auto bars = bars_of(story, 100);
  EXPECT_EQ(bars.size(), 100U);
  for (const auto& bar : bars) EXPECT_EQ(bar.count, 1U);
}

TEST(Bars, join_short_neighbours_until_they_are_few_enough_and_lose_none) {
  TestJournal journal;
  fill(journal, 3000, 1000);
  const RunStory story(journal.chronicle(), nullptr);
  const auto bars = bars_of(story, 200);
  EXPECT_LE(bars.size(), 200U);
  EXPECT_EQ(attempts_in(bars, 0), 2997U);
  for (std::size_t i = 1; i < bars.size(); ++i) {
    EXPECT_TRUE(bars[i].lane != bars[i - 1].lane || bars[i].begin >= bars[i - 1].end);
  }
  double covered = 0;
  for (const auto& bar : bars) covered += bar.end - bar.begin;
  EXPECT_NEAR(covered, 3000 * 0.01, 0.1);
}

TEST(Bars, do_not_join_failures_as_long_as_there_is_room_for_them) {
  TestJournal journal;
  journal.life(0, 3000).worker(0, "h1", "0");
  for (std::uint32_t step = 1; step <= 3000; ++step) {
    const bool fails = step > 1000 && step <= 1005;  // one after the other
    journal.ran(step, 0, 0.01 * step, 0.01 * step + 0.01, fails ? "exit_code" : "succeeded");
  }
  journal.over(31);
  const RunStory story(journal.chronicle(), nullptr);
  std::size_t failures = 0;
  for (const auto& bar : bars_of(story, 500)) failures += is_trouble(bar.outcome) ? 1 : 0;
  EXPECT_EQ(failures, 5U);
}

TEST(Bars, show_each_failure_by_itself_among_joined_successes) {
  TestJournal journal;
  fill(journal, 3000, 100);
  const RunStory story(journal.chronicle(), nullptr);
  std::size_t failures = 0;
  for (const auto& bar : bars_of(story, 500)) {
    if (!is_trouble(bar.outcome)) continue;
    ++failures;
    EXPECT_EQ(bar.count, 1U);
  }
  EXPECT_EQ(failures, 30U);
}

TEST(Bars, join_failures_only_with_failures_when_these_alone_are_too_many) {
  TestJournal journal;
  fill(journal, 3000, 1);
  const RunStory story(journal.chronicle(), nullptr);
  const auto bars = bars_of(story, 100);
  EXPECT_LE(bars.size(), 100U);
  EXPECT_EQ(attempts_in(bars, static_cast<std::uint8_t>(OutcomeKind::exit_code)), 3000U);
}

}  // namespace
}  // namespace gradus
