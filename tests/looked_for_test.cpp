#include "node/looked_for.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(LookedFor, knows_what_was_added_and_forgets_all_rather_than_growing_without_end) {
  LookedFor paths;
  EXPECT_FALSE(paths.has("a"));
  paths.add("a");
  EXPECT_TRUE(paths.has("a"));
  for (int i = 0; i < 100000; ++i) paths.add("p" + std::to_string(i));
  EXPECT_FALSE(paths.has("a"));
  EXPECT_TRUE(paths.has("p99999"));
}

}  // namespace
}  // namespace gradus
