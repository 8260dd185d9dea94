#include "node/nap.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

struct Wait {
  int looks = 0;
  double longest = 0;  // of the naps
  double last = 0;     // the nap in which the time ended
};

/// Traffic at 100 s, then nothing for so many seconds.
Wait wait(double seconds, bool is_rung) {
  Nap nap;
  nap.traffic(100);
  Wait wait;
  for (double now = 100; now < 100 + seconds; now += wait.last) {
    wait.last = nap.length(now, is_rung);
    wait.longest = std::max(wait.longest, wait.last);
    ++wait.looks;
  }
  return wait;
}

TEST(Nap, unrung_delays_by_at_most_a_thirtysecond_of_the_step_that_is_waited_for) {
  for (const double step : {0.001, 0.01, 0.1, 1.0}) EXPECT_LE(wait(step, false).last, step / 32 + 20e-6) << step;
  EXPECT_LE(wait(600, false).longest, 50e-3) << "a rank that sleeps for longer seems not to listen";
}

TEST(Nap, unrung_is_short_right_after_traffic_and_costs_little_when_there_is_none) {
  EXPECT_EQ(wait(10e-6, false).last, 20e-6);
  EXPECT_LT(wait(3600, false).looks / 3600.0, 21);
}

TEST(Nap, rung_looks_a_few_times_in_a_step_of_any_length_and_five_times_a_second_later) {
  EXPECT_LE(wait(0.005, true).looks, 14);
  EXPECT_LE(wait(0.05, true).looks, 20);
  EXPECT_LE(wait(0.2, true).looks, 23);
  EXPECT_LT(wait(3600, true).looks / 3600.0, 5.1);
}

TEST(Nap, rung_still_finds_within_half_of_the_step_what_nobody_rang_for) {
  for (const double step : {0.001, 0.01, 0.1, 0.4}) EXPECT_LE(wait(step, true).last, step / 2 + 50e-6) << step;
  EXPECT_LE(wait(600, true).longest, 200e-3) << "a rank that sleeps for longer seems not to listen";
}

TEST(Nap, begins_anew_with_traffic) {
  Nap nap;
  nap.traffic(100);
  nap.traffic(110);
  EXPECT_EQ(nap.length(110, false), 20e-6);
  EXPECT_EQ(nap.length(110, true), 50e-6);
}

}  // namespace
}  // namespace gradus
