// The promise on makespans, on a smaller set than that of src/docs/makespan.md.
#include <gtest/gtest.h>

#include "support/makespan_study.h"

namespace gradus::support {
namespace {

constexpr Spread spreads[] = {Spread::pareto, Spread::lognormal, Spread::bimodal};
constexpr std::uint32_t slot_counts[] = {2, 5, 16, 64};

TEST(Makespan, is_within_two_percent_of_the_bound_where_costs_are_known_and_the_bound_can_be_approached) {
  std::vector<Workload> all{layered(8, 60, 1), diamonds(12, 4, 6, 2), montage(60, 3), epigenomics(5, 20, 4)};
  for (const auto spread : spreads) all.push_back(independent(spread, 1200, 5));
  int approachable = 0;
  for (const auto& work : all) {
    for (const auto slots : slot_counts) {
      const double best = best_possible(work, slots);
      if (list_schedule(work, slots, highest_level_first(work)) > 1.01 * best) continue;
      ++approachable;
      EXPECT_LE(our_makespan(work, Knowledge::known, slots), 1.02 * best) << work.name << " on " << slots << " slots";
    }
  }
  EXPECT_GE(approachable, 15) << "the set is no test any more";
}

TEST(Makespan, of_heavy_tailed_steps_is_never_two_percent_worse_than_file_order_whatever_is_known) {
  for (const auto spread : spreads) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const auto work = independent(spread, 1200, seed);
      for (const auto slots : slot_counts) {
        const double file = list_schedule(work, slots, file_order(work));
        for (const auto knowledge : {Knowledge::known, Knowledge::learnt, Knowledge::unknown}) {
          EXPECT_LE(our_makespan(work, knowledge, slots), 1.02 * file)
              << work.name << ", seed " << seed << ", " << slots << " slots, knowledge " << static_cast<int>(knowledge);
        }
      }
    }
  }
}

TEST(Makespan, is_shorter_when_an_earlier_life_has_left_durations) {
  const auto work = independent(Spread::bimodal, 1200, 1);
  const double learnt = our_makespan(work, Knowledge::learnt, 16);
  EXPECT_LE(learnt, 1.02 * best_possible(work, 16));
  EXPECT_GE(our_makespan(work, Knowledge::unknown, 16), 1.03 * best_possible(work, 16));
}

}  // namespace
}  // namespace gradus::support
