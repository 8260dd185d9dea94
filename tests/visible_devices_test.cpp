#include "core/visible_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace gradus {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Status = DriverAnswer::Status;

std::vector<std::string> tokens(std::string_view value, GpuVendor vendor = GpuVendor::nvidia) {
  return parse_visible_list(vendor, value).tokens;
}

std::string note(std::string_view value, GpuVendor vendor = GpuVendor::nvidia) {
  return parse_visible_list(vendor, value).note;
}

std::optional<InheritedList> inherited(const std::map<std::string, std::string>& variables) {
  return inherited_visible_list([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

InheritedList cuda(std::string value) { return {GpuVendor::nvidia, std::move(value)}; }

DriverAnswer shows(const std::vector<std::string>& uuids) {
  DriverAnswer answer;
  answer.status = Status::ok;
  for (const std::string& uuid : uuids) answer.gpus.push_back({.identity = uuid, .token = "", .name = "N", .pci = "P"});
  return answer;
}

DriverAnswer error(int number, std::string text = "CUDA_ERROR_SOME") {
  return {.status = Status::error, .error = number, .text = std::move(text), .gpus = {}};
}

DriverAnswer no_driver() { return {.status = Status::no_driver, .error = 0, .text = "not found", .gpus = {}}; }

std::vector<std::string> tokens(const GpuDiscovery& found) {
  std::vector<std::string> all;
  for (const VisibleGpu& gpu : found.gpus) all.push_back(gpu.token);
  return all;
}

std::vector<std::string> identities(const GpuDiscovery& found) {
  std::vector<std::string> all;
  for (const VisibleGpu& gpu : found.gpus) all.push_back(gpu.identity);
  return all;
}

// ---- the list alone ---------------------------------------------------------------------------

TEST(VisibleList, keeps_order_and_takes_blanks_off) {
  EXPECT_THAT(tokens("2,0"), ElementsAre("2", "0"));
  EXPECT_THAT(tokens(" 2 , 0\t"), ElementsAre("2", "0"));
  EXPECT_EQ(note("2,0"), "");
}

TEST(VisibleList, takes_uuids_of_gpus_and_mig_instances_as_they_are) {
  EXPECT_THAT(tokens("GPU-8f6d,MIG-GPU-8f6d/1/0,MIG-11ab"), ElementsAre("GPU-8f6d", "MIG-GPU-8f6d/1/0", "MIG-11ab"));
}

TEST(VisibleList, is_empty_when_set_to_nothing_or_to_a_word_that_means_none) {
  for (const char* value : {"", "  ", "-1", "NoDevFiles", "none", ",0"}) EXPECT_THAT(tokens(value), IsEmpty()) << value;
  EXPECT_EQ(note("-1"), "") << "the usual way to say none is no surprise";
}

TEST(VisibleList, ends_at_the_first_entry_that_names_no_device_and_says_so) {
  EXPECT_THAT(tokens("1,-1,0"), ElementsAre("1"));
  EXPECT_THAT(tokens("1,,0"), ElementsAre("1"));
  EXPECT_THAT(tokens("1,GPU-,0"), ElementsAre("1"));
  EXPECT_THAT(note("1,x2,0"), AllOf(HasSubstr("CUDA_VISIBLE_DEVICES=1,x2,0"), HasSubstr("`x2`")));
}

TEST(VisibleList, a_comma_at_the_end_adds_no_entry) {
  EXPECT_THAT(tokens("0,1,"), ElementsAre("0", "1"));
  EXPECT_EQ(note("0,1,"), "");
}

TEST(VisibleList, of_cuda_shows_nothing_when_it_names_a_device_twice) {
  EXPECT_THAT(tokens("0,1,0"), IsEmpty());
  EXPECT_THAT(note("0,1,0"), HasSubstr("`0` twice"));
}

TEST(VisibleList, of_amd_ends_at_a_repeat_and_knows_no_mig) {
  EXPECT_THAT(tokens("0,1,0", GpuVendor::amd_rocr), ElementsAre("0", "1"));
  EXPECT_THAT(tokens("GPU-1f,MIG-1", GpuVendor::amd_hip), ElementsAre("GPU-1f"));
}

TEST(VisibleList, of_intel_takes_devices_and_tiles) {
  EXPECT_THAT(tokens("0.1,1,2.0", GpuVendor::intel), ElementsAre("0.1", "1", "2.0"));
  EXPECT_THAT(tokens("0.,1", GpuVendor::intel), IsEmpty());
  EXPECT_THAT(tokens("0.1", GpuVendor::nvidia), IsEmpty());
}

// ---- which variable counts --------------------------------------------------------------------

TEST(InheritedVisibleList, is_absent_when_no_variable_is_set) {
  EXPECT_EQ(inherited({{"CUDA_HOME", "/x"}}), std::nullopt);
}

TEST(InheritedVisibleList, is_the_first_set_of_cuda_rocr_hip_and_ze) {
  EXPECT_EQ(inherited({{"ZE_AFFINITY_MASK", "0"}, {"ROCR_VISIBLE_DEVICES", "1"}, {"CUDA_VISIBLE_DEVICES", "2"}}),
            cuda("2"));
  EXPECT_EQ(inherited({{"HIP_VISIBLE_DEVICES", "0"}, {"ROCR_VISIBLE_DEVICES", "1"}}),
            (InheritedList{GpuVendor::amd_rocr, "1"}));
  EXPECT_EQ(inherited({{"HIP_VISIBLE_DEVICES", "0"}, {"ZE_AFFINITY_MASK", "1"}}),
            (InheritedList{GpuVendor::amd_hip, "0"}));
  EXPECT_EQ(inherited({{"ZE_AFFINITY_MASK", "1"}}), (InheritedList{GpuVendor::intel, "1"}));
}

TEST(InheritedVisibleList, set_but_empty_counts_as_set) {
  EXPECT_EQ(inherited({{"CUDA_VISIBLE_DEVICES", ""}, {"ROCR_VISIBLE_DEVICES", "1"}}), cuda(""));
}

// ---- driver and list together -------------------------------------------------------------------

TEST(CombineDiscovery, tokens_are_the_positions_when_nothing_is_inherited) {
  const GpuDiscovery found = combine_discovery(shows({"GPU-a", "GPU-b"}), std::nullopt);
  EXPECT_EQ(found.source, GpuSource::driver);
  EXPECT_THAT(found.gpus, ElementsAre(VisibleGpu{"GPU-a", "0", "N", "P"}, VisibleGpu{"GPU-b", "1", "N", "P"}));
  EXPECT_EQ(found.note, "");
  EXPECT_EQ(found.inherited, std::nullopt);
}

TEST(CombineDiscovery, tokens_are_the_inherited_entries_by_position) {
  const GpuDiscovery found = combine_discovery(shows({"GPU-c", "GPU-a"}), cuda("2, GPU-a"));
  EXPECT_THAT(tokens(found), ElementsAre("2", "GPU-a"));
  EXPECT_THAT(identities(found), ElementsAre("GPU-c", "GPU-a"));
  EXPECT_EQ(found.inherited, "2, GPU-a");
}

TEST(CombineDiscovery, the_driver_decides_how_many_entries_count_and_the_note_says_so) {
  const GpuDiscovery found = combine_discovery(shows({"GPU-a"}), cuda("0,9,1"));
  EXPECT_THAT(tokens(found), ElementsAre("0"));
  EXPECT_THAT(found.note, AllOf(HasSubstr("3 entries"), HasSubstr("shows 1")));
}

TEST(CombineDiscovery, a_device_beyond_the_inherited_entries_is_named_by_its_uuid) {
  EXPECT_THAT(tokens(combine_discovery(shows({"GPU-a", "GPU-b"}), cuda("3"))), ElementsAre("3", "GPU-b"));
}

TEST(CombineDiscovery, no_device_by_the_driver_beats_the_inherited_list) {
  const GpuDiscovery found = combine_discovery(error(100), cuda("0,1"));
  EXPECT_EQ(found.source, GpuSource::driver);
  EXPECT_THAT(found.gpus, IsEmpty());
  EXPECT_THAT(found.note, HasSubstr("CUDA_VISIBLE_DEVICES=0,1"));
  EXPECT_FALSE(found.trouble);
  EXPECT_EQ(combine_discovery(error(100), std::nullopt).source, GpuSource::driver);
}

TEST(CombineDiscovery, no_device_by_cuda_says_nothing_about_an_amd_list) {
  for (const DriverAnswer& none : {error(100), shows({})}) {
    const GpuDiscovery found = combine_discovery(none, InheritedList{GpuVendor::amd_rocr, "0,1"});
    EXPECT_EQ(found.source, GpuSource::visible_list);
    EXPECT_EQ(found.vendor, GpuVendor::amd_rocr);
    EXPECT_THAT(tokens(found), ElementsAre("0", "1"));
    EXPECT_FALSE(found.trouble);
  }
}

TEST(CombineDiscovery, a_driver_with_devices_beats_the_list_of_another_vendor) {
  const GpuDiscovery found = combine_discovery(shows({"GPU-a"}), InheritedList{GpuVendor::amd_rocr, "7"});
  EXPECT_EQ(found.vendor, GpuVendor::nvidia);
  EXPECT_THAT(tokens(found), ElementsAre("0"));
}

TEST(CombineDiscovery, without_a_driver_the_entries_are_believed) {
  const GpuDiscovery found = combine_discovery(no_driver(), cuda("2,GPU-x"));
  EXPECT_EQ(found.source, GpuSource::visible_list);
  EXPECT_THAT(tokens(found), ElementsAre("2", "GPU-x"));
  EXPECT_EQ(identities(found), tokens(found));
  EXPECT_THAT(found.note, HasSubstr("not found"));
  EXPECT_FALSE(found.trouble) << "a login node is no fault";
}

TEST(CombineDiscovery, without_driver_and_list_nothing_is_known) {
  const GpuDiscovery found = combine_discovery(no_driver(), std::nullopt);
  EXPECT_EQ(found.source, GpuSource::nothing);
  EXPECT_THAT(found.gpus, IsEmpty());
}

TEST(CombineDiscovery, an_empty_list_without_a_driver_is_known_to_be_empty) {
  EXPECT_EQ(combine_discovery(no_driver(), cuda("")).source, GpuSource::visible_list);
}

TEST(CombineDiscovery, a_failing_driver_is_named_and_the_list_believed) {
  const GpuDiscovery found = combine_discovery(error(803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"), cuda("0,1,bad"));
  EXPECT_EQ(found.source, GpuSource::visible_list);
  EXPECT_THAT(tokens(found), ElementsAre("0", "1"));
  EXPECT_THAT(found.note, AllOf(HasSubstr("803"), HasSubstr("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
                                HasSubstr("LD_LIBRARY_PATH"), HasSubstr("`bad`")));
  EXPECT_TRUE(found.trouble);
  EXPECT_EQ(combine_discovery(error(999), std::nullopt).source, GpuSource::nothing);
}

TEST(CombineDiscovery, a_silent_driver_is_trouble) {
  DriverAnswer silent;
  silent.text = "no end within 10 s";
  const GpuDiscovery found = combine_discovery(silent, cuda("1"));
  EXPECT_THAT(tokens(found), ElementsAre("1"));
  EXPECT_THAT(found.note, HasSubstr("no end within 10 s"));
  EXPECT_TRUE(found.trouble);
}

TEST(CombineDiscovery, a_build_without_the_toolkit_says_so) {
  DriverAnswer unbuilt;
  unbuilt.status = Status::built_without_cuda;
  const GpuDiscovery found = combine_discovery(unbuilt, cuda("1"));
  EXPECT_THAT(found.note, HasSubstr("built without the CUDA toolkit"));
  EXPECT_FALSE(found.trouble);
}

}  // namespace
}  // namespace gradus
