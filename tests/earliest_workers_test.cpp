#include "core/earliest_workers.h"

#include <gtest/gtest.h>

#include "support/builders.h"

namespace gradus {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

TEST(EarliestWorkers, gives_the_lowest_of_those_that_are_earliest) {
  EarliestWorkers workers;
  const std::vector<double> times{7, 3, 5, 3};
  EXPECT_EQ(workers.first(4, [&](std::uint32_t worker) { return times[worker]; }), 1U);
}

TEST(EarliestWorkers, gives_none_when_all_are_infinite_or_there_are_none) {
  EarliestWorkers workers;
  EXPECT_EQ(workers.first(0, [](std::uint32_t) { return 0.0; }), std::nullopt);
  EXPECT_EQ(workers.first(3, [](std::uint32_t) { return never; }), std::nullopt);
}

TEST(EarliestWorkers, asks_only_what_was_touched_or_is_new) {
  EarliestWorkers workers;
  std::vector<double> times{4, 2};
  std::vector<std::uint32_t> asked;
  const auto time_of = [&](std::uint32_t worker) {
    asked.push_back(worker);
    return times[worker];
  };
  workers.first(2, time_of);
  asked.clear();
  times = {1, 2};
  EXPECT_EQ(workers.first(2, time_of), 1U) << "nobody said that worker 0 has changed";
  workers.touch(0);
  workers.touch(0);
  EXPECT_EQ(workers.known(0), std::nullopt);
  EXPECT_EQ(workers.first(2, time_of), 0U);
  EXPECT_EQ(asked, std::vector<std::uint32_t>{0});
  times.push_back(0);
  EXPECT_EQ(workers.first(3, time_of), 2U);
}

TEST(EarliestWorkers, agrees_with_a_search_over_all) {
  support::Dice dice(1);
  EarliestWorkers workers;
  std::vector<double> times;
  for (int round = 0; round < 2000; ++round) {
    if (dice.chance(0.05)) times.push_back(never);
    for (std::uint32_t worker = 0; worker < times.size(); ++worker) {
      if (!dice.chance(0.1)) continue;
      times[worker] = dice.chance(0.2) ? never : dice.between(0, 50);
      workers.touch(worker);
    }
    const auto best = std::min_element(times.begin(), times.end());
    const auto first = workers.first(times.size(), [&](std::uint32_t worker) { return times[worker]; });
    if (best == times.end() || *best == never) {
      EXPECT_EQ(first, std::nullopt);
    } else {
      EXPECT_EQ(first, static_cast<std::uint32_t>(best - times.begin()));
    }
  }
}

}  // namespace
}  // namespace gradus
