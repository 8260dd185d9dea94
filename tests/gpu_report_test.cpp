#include "core/gpu_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gradus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

GpuDiscovery by_driver() {
  GpuDiscovery found;
  found.source = GpuSource::driver;
  found.gpus = {{.identity = "GPU-cc", .token = "2", .name = "NVIDIA H100", .pci = "0000:17:00.0"},
                {.identity = "GPU-a", .token = "10", .name = "", .pci = ""}};
  found.inherited = "2,10";
  return found;
}

GpuDiscovery by_list() {
  GpuDiscovery found;
  found.source = GpuSource::visible_list;
  found.vendor = GpuVendor::amd_rocr;
  found.gpus = {{.identity = "3", .token = "3", .name = {}, .pci = {}}};
  found.inherited = "3";
  found.note = "built without the CUDA toolkit";
  return found;
}

TEST(GpuReport, is_an_aligned_table_and_a_line_on_how_it_was_learnt) {
  EXPECT_EQ(describe_gpus(by_driver()),
            "position  token  uuid    pci           name\n"
            "0         2      GPU-cc  0000:17:00.0  NVIDIA H100\n"
            "1         10     GPU-a   -             -\n"
            "learnt from the CUDA driver (CUDA_VISIBLE_DEVICES=2,10)\n");
}

TEST(GpuReport, shows_no_uuid_that_is_only_a_token_and_adds_the_note) {
  EXPECT_EQ(describe_gpus(by_list()),
            "position  token  uuid  pci  name\n"
            "0         3      -     -    -\n"
            "learnt from the environment alone (ROCR_VISIBLE_DEVICES=3)\n"
            "note: built without the CUDA toolkit\n");
}

TEST(GpuReport, says_what_happens_to_ids_when_nothing_is_known) {
  const std::string text = describe_gpus({});
  EXPECT_THAT(text, HasSubstr("no GPU\n"));
  EXPECT_THAT(text, HasSubstr("believed as given"));
}

TEST(GpuReport, tells_an_unset_variable_from_an_empty_one) {
  GpuDiscovery found{.source = GpuSource::driver, .gpus = {}, .note = {}, .inherited = {}};
  EXPECT_THAT(describe_gpus(found), HasSubstr("(CUDA_VISIBLE_DEVICES not set)"));
  found.inherited = "";
  EXPECT_THAT(describe_gpus(found), HasSubstr("(CUDA_VISIBLE_DEVICES=)"));
}

TEST(GpuReport, calls_trouble_a_warning) {
  GpuDiscovery found;
  found.note = "it hangs";
  found.trouble = true;
  EXPECT_THAT(describe_gpus(found), HasSubstr("warning: it hangs\n"));
}

TEST(GpuReport, is_the_same_in_json) {
  EXPECT_EQ(nlohmann::json::parse(gpus_json(by_driver())), nlohmann::json::parse(R"({
    "version": 1, "source": "driver", "vendor": "nvidia", "variable": "CUDA_VISIBLE_DEVICES", "inherited": "2,10",
    "gpus": [{"position": 0, "token": "2", "uuid": "GPU-cc", "pci": "0000:17:00.0", "name": "NVIDIA H100"},
             {"position": 1, "token": "10", "uuid": "GPU-a", "pci": null, "name": null}],
    "note": null, "trouble": false})"));
  EXPECT_EQ(nlohmann::json::parse(gpus_json(by_list()))["gpus"][0]["uuid"], nullptr);
  EXPECT_EQ(nlohmann::json::parse(gpus_json({}))["inherited"], nullptr);
}

TEST(GpuReport, survives_bytes_that_are_no_utf8) {
  GpuDiscovery found = by_list();
  found.inherited = "\xff\xfe";
  EXPECT_TRUE(nlohmann::json::accept(gpus_json(found)));
}

}  // namespace
}  // namespace gradus
