#include "core/gpu_samples.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string uuid = "GPU-00000000-1111-2222-3333-444444444444";
const std::string other = "GPU-55555555-1111-2222-3333-444444444444";

GpuReading reading(const std::string& gpu, std::optional<float> busy, std::uint32_t memory_mib) {
  return {gpu, {}, busy, memory_mib, 81559};
}

TEST(GpuReadings, are_read_as_nvidia_smi_writes_them) {
  EXPECT_THAT(parse_gpu_readings("0, " + uuid + ", 34, 1234, 81559\n1, " + other + ", 0, 0, 81559\n"),
              ElementsAre(GpuReading{uuid, 0U, 0.34F, 1234U, 81559U}, GpuReading{other, 1U, 0.0F, 0U, 81559U}));
}

TEST(GpuReadings, may_have_units_and_odd_spacing_and_no_last_newline) {
  EXPECT_THAT(parse_gpu_readings("  3 ,\t" + uuid + ",34 %,  1234 MiB ,81559MiB\r"),
              ElementsAre(GpuReading{uuid, 3U, 0.34F, 1234U, 81559U}));
}

TEST(GpuReadings, leave_out_what_the_driver_does_not_know) {
  for (const auto* unknown : {"[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "[GPU requires reset]", "ERR!", "",
                              "-1", "3.5", "99999999999"}) {
    SCOPED_TRACE(unknown);
    const auto line = "0, " + uuid + ", " + unknown + ", " + unknown + ", " + unknown;
    EXPECT_THAT(parse_gpu_readings(line), ElementsAre(GpuReading{uuid, 0U, {}, {}, {}}));
  }
  EXPECT_THAT(parse_gpu_readings("0, " + uuid + ", 101, 5, 6"), ElementsAre(GpuReading{uuid, 0U, {}, 5U, 6U}));
}

TEST(GpuReadings, of_mig_instances_have_memory_and_no_utilisation) {
  EXPECT_THAT(parse_gpu_readings("[N/A], MIG-0000, [N/A], 20, 9856\n"),
              ElementsAre(GpuReading{"MIG-0000", {}, {}, 20U, 9856U}));
}

TEST(GpuReadings, are_none_in_what_is_no_such_line) {
  for (const auto* garbage :
       {"", "\n\n", "No devices were found\n", "Field \"utilization.gpu\" is not a valid field to query.\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", "0, GPU-1, 1, 2\n",
        "0, GPU-1, 1, 2, 3, 4\n", "0, 00000000:17:00.0, 1, 2, 3\n", ",,,,\n"}) {
    SCOPED_TRACE(garbage);
    EXPECT_THAT(parse_gpu_readings(garbage), IsEmpty());
  }
}

TEST(GpuReadings, are_written_as_they_are_read) {
  for (const auto& one : {GpuReading{uuid, 2U, 0.34F, 1234U, 81559U}, GpuReading{"MIG-1", {}, {}, {}, {}}}) {
    EXPECT_THAT(parse_gpu_readings(gpu_reading_line(one)), ElementsAre(one));
  }
}

TEST(GpuReadings, are_found_by_uuid_its_beginning_or_index) {
  const GpuReading one{uuid, 12U, {}, {}, {}};
  EXPECT_TRUE(one.is_of(uuid));
  EXPECT_TRUE(one.is_of("GPU-00000000"));
  EXPECT_TRUE(one.is_of("12"));
  EXPECT_FALSE(one.is_of(other));
  EXPECT_FALSE(one.is_of("1"));
  EXPECT_FALSE(one.is_of("GPU-"));
  EXPECT_FALSE((GpuReading{uuid, {}, {}, {}, {}}.is_of("12")));
}

TEST(GpuSamples, give_an_attempt_the_mean_of_utilisation_and_the_peak_of_memory) {
  GpuSamples samples({uuid});
  samples.began(0, {0}, 0);
  samples.take({reading(uuid, 0.2F, 500)}, 5);
  samples.take({reading(uuid, 0.6F, 900)}, 10);
  samples.take({reading(uuid, 0.4F, 100)}, 15);
  const auto use = samples.ended(0);
  EXPECT_EQ(use.samples, 3U);
  EXPECT_FLOAT_EQ(use.busy, 0.4F);
  EXPECT_EQ(use.memory_mib, 900U);
  EXPECT_EQ(use.total_mib, 81559U);
}

TEST(GpuSamples, an_attempt_between_two_looks_has_none) {
  GpuSamples samples({uuid});
  samples.take({reading(uuid, 0.2F, 500)}, 5);
  samples.began(0, {0}, 6);
  EXPECT_EQ(samples.ended(0), GpuUse{});
  samples.take({reading(uuid, 0.2F, 500)}, 10);
  EXPECT_TRUE(samples.nothing_runs());
}

TEST(GpuSamples, what_was_asked_for_before_an_attempt_began_is_not_its_own) {
  GpuSamples samples({uuid});
  samples.began(0, {0}, 10);
  samples.ended(0);
  samples.began(0, {0}, 10.5);  // while the driver thought about it
  samples.take({reading(uuid, 0.9F, 9000)}, 10.2);
  EXPECT_EQ(samples.ended(0), GpuUse{});
}

TEST(GpuSamples, soon_after_a_beginning_only_memory_counts) {
  GpuSamples samples({uuid});
  samples.began(0, {0}, 10);
  samples.take({reading(uuid, 0.9F, 700)}, 10.5);  // the driver's period reaches back before it
  EXPECT_EQ(samples.ended(0), (GpuUse{0, 0, 700, 81559}));
}

TEST(GpuSamples, attempts_of_several_gpus_have_the_mean_over_them_and_the_fullest_ones_memory) {
  GpuSamples samples({uuid, other});
  samples.began(0, {0, 1}, 0);
  samples.take({reading(uuid, 0.2F, 500), {other, {}, 0.8F, 700U, 16000U}}, 5);
  samples.take({reading(uuid, 0.2F, 500)}, 10);  // the other one fell silent
  const auto use = samples.ended(0);
  EXPECT_EQ(use.samples, 2U);
  EXPECT_FLOAT_EQ(use.busy, 0.4F);
  EXPECT_EQ(use.memory_mib, 700U);
  EXPECT_EQ(use.total_mib, 16000U);
}

TEST(GpuSamples, slots_that_share_a_gpu_all_have_what_it_did_and_others_do_not) {
  GpuSamples samples({uuid, other});
  samples.began(0, {0}, 0);
  samples.began(1, {0}, 0);
  samples.began(2, {1}, 0);
  EXPECT_THAT(samples.used_now(), ElementsAre(uuid, other));
  samples.take({reading(uuid, 0.5F, 500)}, 5);
  EXPECT_EQ(samples.ended(0), samples.ended(1));
  EXPECT_EQ(samples.ended(2), GpuUse{});
}

TEST(GpuSamples, only_gpus_in_use_are_asked_for) {
  GpuSamples samples({uuid, other});
  EXPECT_THAT(samples.used_now(), IsEmpty());
  samples.began(4, {1}, 0);
  EXPECT_THAT(samples.used_now(), ElementsAre(other));
  samples.ended(4);
  EXPECT_THAT(samples.used_now(), IsEmpty());
}

}  // namespace
}  // namespace gradus
