#include "run/slot_place.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(SlotPlace, names_host_slot_and_gpus_and_says_GPU_only_where_they_do_not_say_so_themselves) {
  EXPECT_EQ(slot_place("h1", 3, {}), "h1 slot 3");
  EXPECT_EQ(slot_place("h1", 3, {"0", "1"}), "h1 slot 3 GPU 0, 1");
  EXPECT_EQ(slot_place("h1", 3, {"GPU-5c1", "GPU-5c2"}), "h1 slot 3 GPU-5c1, GPU-5c2");
  EXPECT_EQ(slot_place("h1", 3, {"MIG-5c1"}), "h1 slot 3 MIG-5c1");
}

TEST(SlotPlace, in_a_sentence_says_on_which_host_and_with_which_gpus) {
  EXPECT_EQ(slot_in_words("h1", 3, {}), "slot 3 on h1");
  EXPECT_EQ(slot_in_words("h1", 3, {"1"}), "slot 3 on h1 with GPU 1");
  EXPECT_EQ(slot_in_words("h1", 3, {"GPU-5c1"}), "slot 3 on h1 with GPU-5c1");
}

}  // namespace
}  // namespace gradus
