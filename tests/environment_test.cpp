#include "node/environment.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

std::vector<std::string> texts(const std::vector<const char*>& list) { return {list.begin(), list.end() - 1}; }

TEST(StepEnvironment, leaves_out_what_the_launcher_put_in_and_keeps_the_users_own) {
  const char* variables[] = {"HOME=/h", "PMIX_RANK=1", "OMPI_COMM_WORLD_RANK=1", "OMPI_MCA_btl=self", nullptr};
  const StepEnvironment environment(variables);
  EXPECT_TRUE(environment.has("HOME"));
  EXPECT_TRUE(environment.has("OMPI_MCA_btl"));
  EXPECT_FALSE(environment.has("PMIX_RANK"));
  EXPECT_FALSE(environment.has("OMPI_COMM_WORLD_RANK"));
}

TEST(StepEnvironment, lays_changes_over_what_is_inherited_and_the_last_one_wins) {
  const char* variables[] = {"A=1", "B=2", nullptr};
  std::vector<std::string> storage;
  const StepEnvironment environment(variables);
  const auto list = environment.with({{"B", "x"}, {"C", "1"}, {"C", "2"}, {"B", "y"}}, storage);
  EXPECT_THAT(texts(list), testing::ElementsAre("A=1", "B=y", "C=2"));
  EXPECT_EQ(list.back(), nullptr);
}

TEST(StepEnvironment, keeps_values_of_any_size) {
  const std::string large = "LARGE=" + std::string(1 << 17, 'x');
  const char* variables[] = {large.c_str(), nullptr};
  const StepEnvironment environment(variables);
  EXPECT_EQ(environment.value("LARGE").size(), std::size_t{1} << 17);
}

}  // namespace
}  // namespace gradus
