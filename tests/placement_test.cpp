#include "gradus/placement.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A rank on host `h<node>`, without a driver unless devices are given.
RankReport rank(std::uint32_t number, std::uint32_t node, std::uint32_t local_rank, bool has_slots = true) {
  RankReport report;
  report.rank = number;
  report.host = "h" + std::to_string(node);
  report.node = node;
  report.local_rank = local_rank;
  report.has_slots = has_slots;
  report.cores = {0, 1, 2, 3, 4, 5, 6, 7};
  return report;
}
/// The same, seeing these devices at positions 0, 1, …
RankReport seeing(RankReport report, const std::vector<std::string>& identities, GpuSource source = GpuSource::driver) {
  report.gpu_source = source;
  for (const auto& identity : identities) {
    report.gpus.push_back({identity, std::to_string(report.gpus.size()), "", ""});
  }
  return report;
}

PlacementOptions with(const std::string& list, std::uint32_t threads, bool alone = false) {
  Diagnostics mistakes;
  PlacementOptions options;
  options.list = parse_gpu_list(list, "--gpus", 0, mistakes);
  options.list_origin = "--gpus";
  options.threads = threads;
  options.alone = alone;
  return options;
}

/// Each slot's GPUs by position, in order of the slots: `0 1/2/-`.
std::string dealt(const Plan& plan) {
  std::string text;
  for (const auto& one : plan.ranks) {
    for (const auto& slot : one.slots) {
      if (!text.empty()) text += '/';
      for (std::size_t i = 0; i < slot.gpus.size(); ++i) text += (i > 0 ? " " : "") + slot.gpus[i].position;
      if (slot.gpus.empty()) text += '-';
    }
  }
  return text;
}
std::string dealt(const std::vector<RankReport>& ranks, const PlacementOptions& options) {
  const auto plan = make_plan(ranks, options);
  return plan.mistakes.empty() ? dealt(plan) : "mistake: " + plan.mistakes.front().message;
}
std::string alone(const std::string& list, std::uint32_t slots) {
  return dealt({rank(0, 0, 0)}, with(list, slots, true));
}

TEST(Placement, deals_the_seed_cases) {
  EXPECT_EQ(alone("0 1", 2), "0/1");
  EXPECT_EQ(alone("0 1", 4), "0/1/0/1");
  EXPECT_EQ(alone("0 1 2 3", 2), "0 1/2 3");
  EXPECT_EQ(alone("0-4", 2), "0 1 2/3 4");
  EXPECT_EQ(alone("0-6", 3), "0 1 2/3 4/5 6");
  EXPECT_EQ(alone("0-7", 5), "0 1/2 3/4 5/6/7");
  EXPECT_EQ(alone("3,1", 2), "3/1");
  EXPECT_EQ(alone("3,1", 1), "3 1");
  EXPECT_EQ(alone("0 0 1 1", 2), "0/1");
}

TEST(Placement, gives_every_entry_to_exactly_one_slot_when_there_are_enough) {
  for (std::uint32_t entries = 1; entries <= 40; ++entries) {
    for (std::uint32_t slots = 1; slots <= entries; ++slots) {
      std::uint32_t next = 0;
      for (std::uint32_t slot = 0; slot < slots; ++slot) {
        const auto part = entries_of_slot(entries, slots, slot, GpuSharing::shared);
        EXPECT_THAT(part.size(), testing::AnyOf(entries / slots, entries / slots + 1));
        for (const auto entry : part) EXPECT_EQ(entry, next++);
      }
      EXPECT_EQ(next, entries);
    }
  }
}

TEST(Placement, counts_ranks_and_threads_of_each_node_alike) {
  const std::vector<RankReport> three{rank(0, 0, 0, false), rank(1, 0, 0), rank(2, 0, 1)};
  EXPECT_EQ(dealt(three, with("0 1", 1)), "0/1");
  EXPECT_EQ(dealt(three, with("0 1 2 3", 1)), "0 1/2 3");
  EXPECT_EQ(dealt(three, with("0 1 2 3", 2)), "0/1/2/3");
}

TEST(Placement, deals_each_host_out_whole_wherever_the_master_is_and_however_ranks_are_mapped) {
  // 1, 2 and 3 workers on hosts 0, 1, 2; the master on host 1.
  const std::vector<RankReport> by_slot{rank(0, 1, 0, false), rank(1, 1, 0), rank(2, 1, 1), rank(3, 0, 0),
                                        rank(4, 2, 0),        rank(5, 2, 1), rank(6, 2, 2)};
  EXPECT_EQ(dealt(by_slot, with("0-3", 1)), "0 1/2 3/0 1 2 3/0 1/2/3");
  const std::vector<RankReport> by_node{rank(0, 1, 0, false), rank(1, 0, 0), rank(2, 2, 0), rank(3, 1, 0),
                                        rank(4, 2, 1),        rank(5, 1, 1), rank(6, 2, 2)};
  EXPECT_EQ(dealt(by_node, with("0-3", 1)), "0 1 2 3/0 1/0 1/2/2 3/3");
}

TEST(Placement, makes_as_many_slots_as_gpus_when_threads_are_not_given) {
  EXPECT_EQ(alone("0-2", 0), "0/1/2");
  EXPECT_EQ(make_plan({rank(0, 0, 0)}, with("none", 0, true)).slot_count(), 8U);
  const std::vector<RankReport> ranks{rank(0, 0, 0, false), rank(1, 0, 0), rank(2, 0, 1)};
  EXPECT_EQ(dealt(ranks, with("0-4", 0)), "0/1/2/3/4/0");
  EXPECT_EQ(dealt(ranks, with("none", 0)), "-/-");
}

TEST(Placement, shares_in_turn_and_says_so_or_leaves_slots_without) {
  auto options = with("0 1", 3);
  EXPECT_THAT(make_plan({rank(0, 0, 0)}, options).notes, ElementsAre(HasSubstr("--gpu-sharing exclusive")));
  options.sharing = GpuSharing::exclusive;
  EXPECT_EQ(dealt({rank(0, 0, 0)}, options), "0/1/-");
}

TEST(Placement, adds_cpu_slots_outside_the_rule) {
  auto options = with("0 1", 2);
  options.cpu_slots = 1;
  EXPECT_EQ(dealt({rank(0, 0, 0), rank(1, 0, 1)}, options), "0/1/-/0/1/-");
}

TEST(Placement, gives_groups_to_slots_one_by_one_and_tells_both_counts) {
  EXPECT_EQ(alone("0 1 | | 2", 3), "0 1/-/2");
  EXPECT_EQ(alone("0 1 | 2", 0), "0 1/2");
  EXPECT_THAT(alone("0 | 1", 3), HasSubstr("2 GPU groups for the 3 slots"));
  EXPECT_EQ(dealt({rank(0, 1, 0, false), rank(1, 0, 0), rank(2, 0, 1)}, with("0|1", 1)), "0/1");
}

TEST(Placement, takes_the_part_of_the_list_that_is_for_the_host) {
  const std::vector<RankReport> ranks{rank(0, 0, 0), rank(1, 1, 0)};
  EXPECT_EQ(dealt(ranks, with("h0=0,1; h1=5", 1)), "0 1/5");
  EXPECT_THAT(dealt(ranks, with("h0=0", 1)), HasSubstr("no part of the GPU list is for host h1"));
  EXPECT_THAT(make_plan(ranks, with("h0=0; h9=1; *=2", 1)).notes, ElementsAre(HasSubstr("h9")));
  EXPECT_EQ(dealt({rank(0, 9, 0, false), rank(1, 0, 0)}, with("h0=0", 1)), "0");
}

TEST(Placement, uses_the_tokens_of_an_inherited_list) {
  auto report = rank(0, 0, 0);
  report.gpu_source = GpuSource::visible_list;
  report.gpus = {{"2", "2", "", ""}, {"3", "3", "", ""}};
  const auto plan = make_plan({report}, with("0 1", 2, true));
  EXPECT_EQ(dealt(plan), "0/1");
  EXPECT_EQ(plan.ranks[0].slots[1].gpus[0].token, "3");
  EXPECT_THAT(dealt({report}, with("2", 1, true)), HasSubstr("GPU 2 of --gpus does not exist there"));
}

TEST(Placement, finds_gpus_by_uuid_and_an_exact_one_first) {
  const auto report = seeing(rank(0, 0, 0), {"GPU-aa1", "GPU-aa", "GPU-bb"});
  EXPECT_EQ(dealt({report}, with("GPU-bb GPU-aa", 2, true)), "2/1");
  EXPECT_THAT(dealt({report}, with("GPU-a", 1, true)), HasSubstr("several UUIDs"));
  EXPECT_THAT(dealt({report}, with("GPU-cc", 1, true)), HasSubstr("host h0, rank 0: GPU-cc"));
  EXPECT_THAT(dealt({report}, with("0 GPU-aa1", 1, true)), HasSubstr("are the same GPU"));
  EXPECT_THAT(dealt({report}, with("0 | GPU-aa1", 2, true)), HasSubstr("are the same GPU"));
}

TEST(Placement, believes_ids_as_given_where_nothing_can_be_known) {
  EXPECT_EQ(alone("7 GPU-x", 2), "7/GPU-x");
  EXPECT_EQ(alone("auto", 1), "-");
}

TEST(Placement, lets_ranks_with_devices_of_their_own_use_their_own) {
  const std::vector<RankReport> ranks{seeing(rank(0, 0, 0), {"A"}), seeing(rank(1, 0, 1), {"B"})};
  EXPECT_EQ(dealt(ranks, with("auto", 1)), "0/0");
  const auto plan = make_plan(ranks, with("auto", 1));
  EXPECT_EQ(plan.ranks[0].slots[0].gpus[0].identity, "A");
  EXPECT_EQ(plan.ranks[1].slots[0].gpus[0].identity, "B");
  EXPECT_THAT(plan.notes, IsEmpty());
}

TEST(Placement, never_gives_one_device_to_two_ranks_that_share_a_part_of_the_node) {
  const std::vector<RankReport> ranks{seeing(rank(0, 0, 0), {"A", "B"}), seeing(rank(1, 0, 1), {"A", "B"}),
                                      seeing(rank(2, 0, 2), {"C", "D"}), seeing(rank(3, 0, 3), {"C", "D"})};
  const auto plan = make_plan(ranks, with("auto", 1));
  std::vector<std::string> identities;
  for (const auto& one : plan.ranks) identities.push_back(one.slots[0].gpus[0].identity);
  EXPECT_THAT(identities, ElementsAre("A", "B", "C", "D"));
}

TEST(Placement, refuses_ranks_that_see_partly_the_same) {
  const std::vector<RankReport> ranks{seeing(rank(0, 0, 0), {"A", "B"}), seeing(rank(1, 0, 1), {"B", "C"})};
  EXPECT_THAT(dealt(ranks, with("auto", 1)), testing::AllOf(HasSubstr("ranks 0 and 1"), HasSubstr("--gpu-bind=none")));
}

TEST(Placement, refuses_positions_that_mean_other_devices_on_another_rank) {
  const std::vector<RankReport> ranks{seeing(rank(0, 0, 0), {"A", "B"}), seeing(rank(1, 0, 1), {"B", "A"})};
  EXPECT_THAT(dealt(ranks, with("0 1", 1)), HasSubstr("another device"));
  EXPECT_THAT(dealt(ranks, with("0 | 1", 1)), HasSubstr("another device"));
  EXPECT_EQ(dealt(ranks, with("auto", 1)), "0/0") << "each in its own numbering";
}

TEST(Placement, tells_of_gpus_that_fall_to_no_slot_and_of_ranks_that_see_none) {
  const std::vector<RankReport> ranks{seeing(rank(0, 0, 0, false), {"A"}), seeing(rank(1, 1, 0), {"B"})};
  EXPECT_THAT(make_plan(ranks, with("auto", 1)).notes, ElementsAre(HasSubstr("--master-works")));
  const std::vector<RankReport> blind{seeing(rank(0, 0, 0), {"A"}), seeing(rank(1, 0, 1), {})};
  EXPECT_THAT(make_plan(blind, with("auto", 1)).notes, ElementsAre(HasSubstr("rank 1 sees no GPU")));
}

TEST(Placement, deals_gpus_of_which_a_rank_with_slots_has_a_doubt_only_by_a_list) {
  std::vector<RankReport> ranks{seeing(rank(0, 0, 0, false), {"A"}), seeing(rank(1, 1, 0), {"B"})};
  ranks[0].gpu_doubt = "not granted";
  EXPECT_TRUE(make_plan(ranks, with("auto", 1)).mistakes.empty());
  ranks[1].gpu_doubt = "not granted either";
  EXPECT_THAT(dealt(ranks, with("auto", 1)), HasSubstr(": not granted either"));
  EXPECT_TRUE(make_plan(ranks, with("0", 1)).mistakes.empty());
  EXPECT_TRUE(make_plan(ranks, with("none", 1)).mistakes.empty());
}

TEST(Placement, tells_the_mistakes_of_every_host) {
  const std::vector<RankReport> ranks{seeing(rank(0, 0, 0), {"A"}), seeing(rank(1, 1, 0), {"B"})};
  EXPECT_EQ(make_plan(ranks, with("5", 1)).mistakes.size(), 2U);
}

std::vector<std::vector<std::uint32_t>> cores(const Plan& plan) {
  std::vector<std::vector<std::uint32_t>> all;
  for (const auto& one : plan.ranks) {
    for (const auto& slot : one.slots) all.push_back(slot.cores);
  }
  return all;
}

TEST(Placement, deals_cores_out_like_gpus) {
  const auto plan = make_plan({rank(0, 0, 0), rank(1, 0, 1)}, with("none", 2));
  EXPECT_THAT(cores(plan), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4, 5), ElementsAre(6, 7)));
  EXPECT_FALSE(plan.ranks[0].slots_share_cores);
}

TEST(Placement, gives_ranks_with_cores_of_their_own_their_own_and_says_when_cores_are_few) {
  auto first = rank(0, 0, 0), second = rank(1, 0, 1);
  first.cores = {0, 1};
  second.cores = {2};
  const auto plan = make_plan({first, second}, with("none", 2));
  EXPECT_THAT(cores(plan), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2), ElementsAre(2)));
  EXPECT_THAT(plan.notes, ElementsAre(HasSubstr("2 slots share 1 core")));
  EXPECT_TRUE(plan.ranks[1].slots_share_cores);
  EXPECT_FALSE(plan.ranks[0].slots_share_cores);
}

TEST(Placement, notices_a_launcher_that_bound_all_ranks_to_one_core) {
  auto first = rank(0, 0, 0), second = rank(1, 0, 1);
  first.cores = second.cores = {0};
  EXPECT_THAT(make_plan({first, second}, with("none", 1)).notes, testing::Contains(HasSubstr("--bind-to none")));
}

TEST(Placement, numbers_slots_by_rank_whatever_the_order_of_the_reports) {
  const auto plan = make_plan({rank(2, 1, 0), rank(0, 0, 0), rank(1, 0, 1)}, with("none", 1));
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(plan.ranks[i].rank, i);
    EXPECT_EQ(plan.ranks[i].slots[0].slot, i);
  }
  EXPECT_THAT(make_plan({rank(0, 0, 0, false)}, with("0", 1)).mistakes, testing::SizeIs(1));
}

TEST(PlanText, shows_positions_tokens_and_ranges_of_cores) {
  auto report = rank(0, 0, 0);
  report.gpu_source = GpuSource::driver;
  report.gpus = {{"GPU-fa4e0002-0000", "2", "Model", "0000:17:00.0"}};
  const auto plan = make_plan({report}, with("0", 1, true));
  EXPECT_THAT(plan_table(plan), HasSubstr("0(2) GPU-fa4e0002"));
  EXPECT_THAT(plan_table(plan), HasSubstr("0-7"));
  EXPECT_THAT(plan_json(plan), HasSubstr("\"version\": 1"));
  EXPECT_THAT(plan_json(plan), HasSubstr("\"token\": \"2\""));
}

}  // namespace
}  // namespace gradus
