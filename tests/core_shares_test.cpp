#include "core/core_shares.h"

#include <gmock/gmock.h>

#include "gradus/placement.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Cores = std::vector<std::uint32_t>;

TEST(CoreShares, are_stretches_by_the_rule_when_nothing_is_near) {
  EXPECT_THAT(share_out_cores({0, 1, 2, 3, 4}, {{}, {}}), ElementsAre(Cores{0, 1, 2}, Cores{3, 4}));
  EXPECT_THAT(share_out_cores({0, 1}, {{}, {}, {}}), ElementsAre(Cores{0}, Cores{1}, Cores{0}));
}

TEST(CoreShares, are_near_the_slots_gpus_where_there_are_enough) {
  EXPECT_THAT(share_out_cores({0, 1, 2, 3, 4, 5, 6, 7}, {{4, 5, 6, 7}, {0, 1, 2, 3}}),
              ElementsAre(Cores{4, 5, 6, 7}, Cores{0, 1, 2, 3}));
  EXPECT_THAT(share_out_cores({0, 1, 2, 3, 4, 5, 6, 7}, {{4, 5, 6, 7}, {4, 5, 6, 7}, {0, 1, 2, 3}, {0, 1, 2, 3}}),
              ElementsAre(Cores{4, 5}, Cores{6, 7}, Cores{0, 1}, Cores{2, 3}));
}

TEST(CoreShares, are_fair_and_whole_where_many_slots_want_few_cores) {
  const auto parts = share_out_cores({0, 1, 2, 3, 4, 5, 6, 7}, {{0, 1, 2, 3}, {0, 1, 2, 3}, {0, 1, 2, 3}, {}});
  EXPECT_THAT(parts, ElementsAre(Cores{0, 1}, Cores{2, 4}, Cores{3, 5}, Cores{6, 7}));
}

TEST(CoreShares, heed_only_cores_that_may_be_used) {
  EXPECT_THAT(share_out_cores({0, 1}, {{8, 9}, {1}}), ElementsAre(Cores{0}, Cores{1}));
}

TEST(CoreShares, never_give_a_core_twice_nor_keep_one_back) {
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    std::uint32_t state = seed * 2654435761U + 1;
    const auto draw = [&state](std::uint32_t below) {
      return (state = state * 1664525U + 1013904223U) / 65536 % below;
    };
    Cores cores(1 + draw(16));
    for (std::uint32_t i = 0; i < cores.size(); ++i) cores[i] = i;
    std::vector<Cores> near(1 + draw(static_cast<std::uint32_t>(cores.size())));
    for (auto& wish : near) {
      for (std::uint32_t core = draw(8); core < 16 && draw(5) > 0; ++core) wish.push_back(core);
    }
    Cores given;
    const auto parts = share_out_cores(cores, near);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_LE(parts[i].size(), cores.size() / near.size() + 1) << "seed " << seed;
      EXPECT_GE(parts[i].size(), cores.size() / near.size()) << "seed " << seed;
      given.insert(given.end(), parts[i].begin(), parts[i].end());
    }
    std::sort(given.begin(), given.end());
    EXPECT_EQ(given, cores) << "seed " << seed;
  }
}

TEST(CpuList, is_read_as_linux_writes_it) {
  EXPECT_THAT(read_cpu_list("0-3,8"), ElementsAre(0U, 1U, 2U, 3U, 8U));
  EXPECT_THAT(read_cpu_list("5\n"), ElementsAre(5U));
  EXPECT_THAT(read_cpu_list(""), IsEmpty());
  EXPECT_THAT(read_cpu_list("x"), IsEmpty());
  EXPECT_THAT(read_cpu_list("0-99999999999"), IsEmpty());
}

std::vector<RankReport> two_ranks(const Cores& first, const Cores& second) {
  std::vector<RankReport> reports(3);
  for (std::uint32_t rank = 0; rank < 3; ++rank) {
    reports[rank].rank = rank;
    reports[rank].host = "n";
    reports[rank].has_slots = rank > 0;
    reports[rank].local_rank = rank == 0 ? 0 : rank - 1;
  }
  reports[1].cores = first;
  reports[2].cores = second;
  return reports;
}

TEST(Placement, says_when_ranks_of_a_node_may_use_partly_the_same_cores) {
  PlacementOptions options;
  options.use_gpu = false;
  options.alone = false;
  EXPECT_THAT(make_plan(two_ranks({0, 1}, {1, 2}), options).notes,
              ElementsAre(HasSubstr("ranks 1 and 2 may use partly")));
  EXPECT_THAT(make_plan(two_ranks({0, 1}, {2, 3}), options).notes, IsEmpty());
  EXPECT_THAT(make_plan(two_ranks({0, 1}, {0, 1}), options).notes, IsEmpty());
}

}  // namespace
}  // namespace gradus
