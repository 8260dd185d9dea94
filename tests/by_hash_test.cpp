#include "core/by_hash.h"

#include <gtest/gtest.h>

#include <map>

#include "support/builders.h"

namespace gradus {
namespace {

TEST(ByHash, is_a_map_from_hashes_also_where_many_belong_to_the_same_place) {
  support::Dice dice(1);
  for (const std::size_t most : {1U, 2U, 3U, 7U, 8U, 100U}) {
    ByHash<int> values(most);
    std::map<std::uint64_t, int> expected;
    const auto any = [&] {
      return std::uint64_t{dice.between(0, 5)} << 40U | std::uint64_t{dice.between(0, 30)} << 58U;
    };
    for (int round = 0; round < 2000; ++round) {
      const auto hash = any();
      if (expected.contains(hash) || expected.size() < most) values[hash] = expected[hash] = round;
      const auto asked = any();
      values.expect(asked);
      const auto* found = values.find(asked);
      ASSERT_EQ(found != nullptr, expected.contains(asked));
      if (found != nullptr) {
        ASSERT_EQ(*found, expected.at(asked));
      }
    }
  }
}

TEST(ByHash, values_begin_as_nothing_and_zero_is_a_hash_like_any_other) {
  ByHash<std::uint32_t> values(4);
  EXPECT_EQ(values.find(0), nullptr);
  EXPECT_EQ(++values[0], 1U);
  EXPECT_EQ(++values[0], 2U);
  EXPECT_EQ(++values[~std::uint64_t{0}], 1U);  // belongs to the last cell
  EXPECT_EQ(++values[~std::uint64_t{8}], 1U);
  EXPECT_EQ(*values.find(0), 2U);
}

TEST(ByHash, of_no_values_finds_none) { EXPECT_EQ(ByHash<int>(0).find(7), nullptr); }

}  // namespace
}  // namespace gradus
