#include <gtest/gtest.h>

#include "gradus/steps_file.h"

namespace gradus {
namespace {

TEST(Durations, are_seconds_when_no_unit_is_given) {
  EXPECT_EQ(parse_duration("90"), 90);
  EXPECT_EQ(parse_duration("1.5"), 1.5);
  EXPECT_EQ(parse_duration("0"), 0);
}

TEST(Durations, can_have_units_each_smaller_than_the_one_before) {
  EXPECT_EQ(parse_duration("90s"), 90);
  EXPECT_EQ(parse_duration("30m"), 1800);
  EXPECT_EQ(parse_duration("4h"), 14400);
  EXPECT_EQ(parse_duration("2d"), 172800);
  EXPECT_EQ(parse_duration("1h30m"), 5400);
  EXPECT_EQ(parse_duration("1.5h"), 5400);
  EXPECT_EQ(parse_duration("1d2h3m4s"), 93784);
}

TEST(Durations, can_be_written_as_slurm_does) {
  EXPECT_EQ(parse_duration("10:30"), 630);
  EXPECT_EQ(parse_duration("01:30:00"), 5400);
  EXPECT_EQ(parse_duration("2-12:00:00"), 216000);
  EXPECT_EQ(parse_duration("1-02"), 93600);
  EXPECT_EQ(parse_duration("1-02:30"), 95400);
}

TEST(Durations, are_refused_when_they_are_none_of_these) {
  for (const char* bad : {"",   "soon", "-5",  "5x",  "30m1h", "5m5m", "1h30", "1:2:3:4", ":",   "1:",  ":1",   "1-",
                          "-1", "1--2", "1-x", "1e3", "1e400", "0x10", " 5",   "5 ",      "inf", "nan", "1m:2", "+5"}) {
    EXPECT_LT(parse_duration(bad), 0) << "'" << bad << "'";
  }
  EXPECT_LT(parse_duration(std::string(400, '9')), 0);
}

}  // namespace
}  // namespace gradus
