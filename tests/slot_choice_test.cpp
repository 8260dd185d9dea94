#include "core/slot_choice.h"

#include <gmock/gmock.h>

#include <numeric>

namespace gradus {
namespace {

using Slots = std::vector<SlotShape>;
using testing::ElementsAre;
using testing::Pair;

std::optional<std::vector<std::uint32_t>> choose(const Demand& demand, const Slots& slots) {
  std::vector<std::uint32_t> all(slots.size());
  std::iota(all.begin(), all.end(), 0U);
  return choose_slots(demand, slots, all);
}

constexpr Demand gpus(std::uint32_t k) { return {true, k, 0}; }
constexpr Demand cpus(std::uint32_t k) { return {false, 0, k}; }

TEST(SlotChoice, takes_as_many_slots_as_hold_the_gpus) {
  const Slots slots{{{0}, {}}, {{1}, {}}, {{2}, {}}, {{3}, {}}};
  EXPECT_THAT(*choose(gpus(2), slots), ElementsAre(0, 1));
  EXPECT_THAT(*choose(gpus(4), slots), ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(choose(gpus(5), slots));
}

TEST(SlotChoice, counts_a_shared_gpu_once) {
  const Slots slots{{{0}, {}}, {{0}, {}}, {{1}, {}}, {{1}, {}}};
  EXPECT_THAT(*choose(gpus(2), slots), ElementsAre(0, 2));
  EXPECT_FALSE(choose(gpus(3), slots));
}

TEST(SlotChoice, prefers_the_slot_that_leaves_the_least_idle) {
  const Slots slots{{{0, 1}, {}}, {{2}, {}}};
  EXPECT_THAT(*choose(gpus(1), slots), ElementsAre(1));
  EXPECT_THAT(*choose(gpus(2), slots), ElementsAre(0));
  EXPECT_THAT(*choose(gpus(3), slots), ElementsAre(0, 1));
}

TEST(SlotChoice, satisfies_gpus_and_cores_with_the_smallest_set) {
  const Slots slots{{{0}, {0, 1}}, {{1}, {2, 3}}, {{}, {4, 5}}};
  EXPECT_THAT(*choose({true, 1, 4}, slots), ElementsAre(0, 1));
  EXPECT_THAT(*choose({true, 2, 6}, slots), ElementsAre(0, 1, 2));
  EXPECT_FALSE(choose({true, 1, 7}, slots));
}

TEST(SlotChoice, leaves_gpus_alone_when_a_cpu_only_step_fits_elsewhere) {
  const Slots slots{{{0}, {0, 1}}, {{}, {2, 3}}};
  EXPECT_THAT(*choose(cpus(2), slots), ElementsAre(1));
}

TEST(SlotChoice, gives_the_lowest_entries_of_the_chosen_slots) {
  const Slots slots{{{0, 1}, {}}, {{2, 3}, {}}};
  const std::vector<std::uint32_t> both{0, 1};
  EXPECT_THAT(gpus_taken(gpus(3), slots, both), ElementsAre(Pair(0, 0), Pair(0, 1), Pair(1, 0)));
  EXPECT_THAT(gpus_taken(gpus(0), slots, std::vector<std::uint32_t>{1}), ElementsAre(Pair(1, 0), Pair(1, 1)));
  EXPECT_TRUE(gpus_taken(cpus(2), slots, both).empty());
}

}  // namespace
}  // namespace gradus
