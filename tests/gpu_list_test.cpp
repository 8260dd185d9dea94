#include "gradus/gpu_list.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

using Kind = HostGpuList::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

GpuList good(const std::string& text) {
  Diagnostics mistakes;
  auto list = parse_gpu_list(text, "--gpus", 0, mistakes);
  EXPECT_TRUE(mistakes.empty()) << to_string(mistakes.front());
  return list;
}
std::vector<int> positions(const std::vector<GpuId>& ids) {
  std::vector<int> all;
  for (const auto& id : ids) all.push_back(id.position);
  return all;
}
std::vector<int> ids(const std::string& text) { return positions(good(text).others.ids); }
/// The first mistake as `column: message`.
std::string bad(const std::string& text) {
  Diagnostics mistakes;
  parse_gpu_list(text, "--gpus", 0, mistakes);
  return mistakes.empty() ? "accepted" : std::to_string(mistakes[0].column) + ": " + mistakes[0].message;
}

TEST(GpuList, keeps_order_and_repeats_with_commas_or_blanks) {
  EXPECT_THAT(ids("0 1"), ElementsAre(0, 1));
  EXPECT_THAT(ids("3,1"), ElementsAre(3, 1));
  EXPECT_THAT(ids(" 0, 0 ,1\t1 "), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(ids("0-2,7"), ElementsAre(0, 1, 2, 7));
}

TEST(GpuList, ends_a_range_at_the_greatest_number) {
  EXPECT_THAT(ids("2147483647"), ElementsAre(2147483647));
  EXPECT_THAT(ids("2147483646-2147483647"), ElementsAre(2147483646, 2147483647));
}

TEST(GpuList, knows_auto_none_and_uuids) {
  EXPECT_EQ(good("auto").others.kind, Kind::automatic);
  EXPECT_EQ(good(" None ").others.kind, Kind::none);
  const auto list = good("GPU-fa4e MIG-12/3 1");
  EXPECT_EQ(list.others.ids[0].uuid, "GPU-fa4e");
  EXPECT_EQ(list.others.ids[1].uuid, "MIG-12/3");
  EXPECT_EQ(list.others.ids[2].position, 1);
}

TEST(GpuList, has_groups_of_which_some_may_be_empty) {
  const auto list = good("0 1 | | 2");
  ASSERT_EQ(list.others.kind, Kind::groups);
  ASSERT_EQ(list.others.groups.size(), 3U);
  EXPECT_THAT(positions(list.others.groups[0]), ElementsAre(0, 1));
  EXPECT_TRUE(list.others.groups[1].empty());
  EXPECT_THAT(positions(list.others.groups[2]), ElementsAre(2));
}

TEST(GpuList, can_differ_by_host_and_short_and_full_names_match) {
  const auto list = good("nodeA=0,1; nodeB.site.org=0-3; *=none");
  EXPECT_THAT(positions(list.for_host("nodeA.site.org")->ids), ElementsAre(0, 1));
  EXPECT_THAT(positions(list.for_host("NODEB")->ids), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(list.for_host("other")->kind, Kind::none);
  EXPECT_EQ(good("nodeA=0").for_host("other"), nullptr);
  EXPECT_FALSE(same_host("a.one.org", "a.two.org"));
}

TEST(GpuList, refuses_what_scipion_drops_and_points_at_the_column) {
  EXPECT_THAT(bad("0 5-3"), HasSubstr("3: '5-3' runs downwards"));
  EXPECT_THAT(bad("1-2-3"), HasSubstr("1: '1-2-3' is no range"));
  EXPECT_THAT(bad("0,-1"), HasSubstr("3: '-1' is negative"));
  EXPECT_THAT(bad("0 gpu1"), HasSubstr("3: 'gpu1' is no GPU"));
  EXPECT_THAT(bad("0 auto"), HasSubstr("3: 'auto' is no GPU"));
  EXPECT_THAT(bad("0 99"), HasSubstr("3: 99 is no GPU here"));
  EXPECT_THAT(bad("0-100000"), HasSubstr("more than 4096"));
  EXPECT_THAT(bad("GPU-"), HasSubstr("1: 'GPU-' is no GPU"));
}

TEST(GpuList, refuses_lists_that_name_nothing) {
  EXPECT_THAT(bad(""), HasSubstr("empty"));
  EXPECT_THAT(bad(" , "), HasSubstr("no GPU is named"));
  EXPECT_THAT(bad("a=0; b="), HasSubstr("empty"));
  EXPECT_THAT(bad("=0"), HasSubstr("host's name is missing"));
  EXPECT_THAT(bad("a=0; a.b.c=1"), HasSubstr("stands twice"));
  EXPECT_THAT(bad("a=0; 1"), HasSubstr("6: HOST=LIST"));
}

}  // namespace
}  // namespace gradus
