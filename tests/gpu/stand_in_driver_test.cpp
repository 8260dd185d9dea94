// The real probe and the real discovery against a stand-in for the driver (../support/fake_cuda.c).
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "node/gpu_discovery.h"

namespace gradus {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr double ample_s = 60;

using Variables = std::vector<std::string>;

GpuDiscovery discover_with(const char* library_folder, Variables variables, double limit_s = ample_s) {
  variables.push_back(std::string("LD_LIBRARY_PATH=") + library_folder);
  return discover_gpus({GRADUS_GPU_PROBE}, limit_s, variables);
}

GpuDiscovery discover(Variables variables) { return discover_with(GRADUS_FAKE_CUDA, std::move(variables)); }

/// The true numbers of the devices seen, in order, by the stand-in's names.
std::vector<std::string> numbers(const GpuDiscovery& found) {
  std::vector<std::string> all;
  for (const VisibleGpu& gpu : found.gpus) all.push_back(gpu.name.substr(gpu.name.rfind(' ') + 1));
  return all;
}

std::vector<std::string> tokens(const GpuDiscovery& found) {
  std::vector<std::string> all;
  for (const VisibleGpu& gpu : found.gpus) all.push_back(gpu.token);
  return all;
}

class Folder {
 public:
  Folder() {
    std::string path = "/tmp/gradus-gpus-XXXXXX";
    path_ = mkdtemp(path.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name, const std::string& content = {}) const {
    std::ofstream(path_ / name) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

TEST(StandInDriver, shows_as_many_devices_as_there_are) {
  for (const std::size_t count : {1U, 4U, 8U, 64U}) {
    const GpuDiscovery found = discover({"FAKE_GPUS=" + std::to_string(count)});
    EXPECT_EQ(found.source, GpuSource::driver);
    EXPECT_THAT(found.gpus, SizeIs(count));
    EXPECT_EQ(found.note, "");
  }
}

TEST(StandInDriver, tells_uuid_pci_address_and_name) {
  EXPECT_THAT(
      discover({"FAKE_GPUS=2"}).gpus,
      ElementsAre(VisibleGpu{"GPU-fa4e0000-0000-0000-0000-000000000000", "0", "Stand-in GPU 0", "0000:0b:00.0"},
                  VisibleGpu{"GPU-fa4e0001-0000-0000-0000-000000000001", "1", "Stand-in GPU 1", "0000:0e:00.0"}));
}

TEST(StandInDriver, without_devices_is_a_driver_that_shows_none) {
  for (const Variables& none : {Variables{"FAKE_GPUS=0"}, Variables{"FAKE_GPUS=0", "CUDA_VISIBLE_DEVICES=0,1"},
                                Variables{"CUDA_VISIBLE_DEVICES="}, Variables{"CUDA_VISIBLE_DEVICES=-1"}}) {
    const GpuDiscovery found = discover(none);
    EXPECT_EQ(found.source, GpuSource::driver) << none.back();
    EXPECT_THAT(found.gpus, IsEmpty()) << none.back();
    EXPECT_FALSE(found.trouble) << none.back();
  }
}

TEST(StandInDriver, obeys_the_visible_list_by_index_and_order) {
  const GpuDiscovery found = discover({"CUDA_VISIBLE_DEVICES=2,0"});
  EXPECT_THAT(numbers(found), ElementsAre("2", "0"));
  EXPECT_THAT(tokens(found), ElementsAre("2", "0"));
}

TEST(StandInDriver, obeys_the_visible_list_by_uuid_and_by_its_beginning) {
  const GpuDiscovery found = discover({"CUDA_VISIBLE_DEVICES=GPU-fa4e0003-0000-0000-0000-000000000003,GPU-fa4e0001"});
  EXPECT_THAT(numbers(found), ElementsAre("3", "1"));
  EXPECT_THAT(tokens(found), ElementsAre("GPU-fa4e0003-0000-0000-0000-000000000003", "GPU-fa4e0001"));
}

TEST(StandInDriver, ends_the_visible_list_at_an_entry_that_names_no_device) {
  const GpuDiscovery found = discover({"CUDA_VISIBLE_DEVICES=3,9,0"});
  EXPECT_THAT(tokens(found), ElementsAre("3"));
  EXPECT_THAT(found.note, HasSubstr("3 entries, the driver shows 1"));
}

TEST(StandInDriver, is_asked_in_the_order_that_steps_see) {
  EXPECT_THAT(numbers(discover({"FAKE_CUDA_MIXED=1", "FAKE_GPUS=3"})), ElementsAre("0", "1", "2"));
  EXPECT_THAT(numbers(discover({"FAKE_CUDA_MIXED=1", "FAKE_GPUS=3", "CUDA_DEVICE_ORDER=FASTEST_FIRST"})),
              ElementsAre("2", "1", "0"));
}

TEST(StandInDriver, spells_mig_instances_as_such) {
  EXPECT_THAT(discover({"FAKE_CUDA_MIG=1"}).gpus, Each(Field(&VisibleGpu::identity, StartsWith("MIG-fa4e"))));
}

TEST(StandInDriver, that_hangs_is_ended_and_the_list_believed) {
  const GpuDiscovery found = discover_with(GRADUS_FAKE_CUDA, {"FAKE_CUINIT=hang", "CUDA_VISIBLE_DEVICES=1,0"}, 1.0);
  EXPECT_EQ(found.source, GpuSource::visible_list);
  EXPECT_THAT(tokens(found), ElementsAre("1", "0"));
  EXPECT_THAT(found.note, HasSubstr("no end within 1 s"));
  EXPECT_TRUE(found.trouble);
}

TEST(StandInDriver, that_crashes_takes_only_the_probe_with_it) {
  const GpuDiscovery found = discover({"FAKE_CUINIT=crash"});
  EXPECT_EQ(found.source, GpuSource::nothing);
  EXPECT_THAT(found.note, HasSubstr("signal 6"));
}

TEST(StandInDriver, that_fails_is_named_with_its_error) {
  const GpuDiscovery unknown = discover({"FAKE_CUINIT=999", "CUDA_VISIBLE_DEVICES=0"});
  EXPECT_EQ(unknown.source, GpuSource::visible_list);
  EXPECT_THAT(unknown.note, AllOf(HasSubstr("999 CUDA_ERROR_UNKNOWN"), HasSubstr("cuInit")));
  EXPECT_TRUE(unknown.trouble);
  EXPECT_THAT(discover({"FAKE_CUINIT=803"}).note, HasSubstr("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"));
  EXPECT_THAT(discover({"FAKE_CUINIT=777"}).note, HasSubstr("error 777 in cuInit")) << "an error that has no name";
}

TEST(StandInDriver, that_cannot_count_leaves_no_device) {
  const GpuDiscovery found = discover({"FAKE_CUDA_COUNT_ERROR=3"});
  EXPECT_THAT(found.gpus, IsEmpty());
  EXPECT_THAT(found.note, HasSubstr("cuDeviceGetCount"));
}

TEST(StandInDriver, that_lacks_a_function_counts_as_no_driver) {
  const GpuDiscovery found = discover_with(GRADUS_FAKE_CUDA_BROKEN, {"CUDA_VISIBLE_DEVICES=1"});
  EXPECT_EQ(found.source, GpuSource::visible_list);
  EXPECT_THAT(found.note, HasSubstr("has no cuDeviceGetCount"));
}

TEST(StandInDriver, that_is_old_tells_uuids_by_the_older_function) {
  EXPECT_THAT(discover_with(GRADUS_FAKE_CUDA_OLD, {"FAKE_GPUS=1"}).gpus,
              ElementsAre(Field(&VisibleGpu::identity, "GPU-fa4e0000-0000-0000-0000-000000000000")));
}

TEST(StandInDriver, absent_leaves_the_visible_list_or_nothing) {
  if (void* library = dlopen("libcuda.so.1", RTLD_LAZY)) {
    dlclose(library);
    GTEST_SKIP() << "this machine has a driver";
  }
  EXPECT_EQ(discover_with("/nonexistent", {}).source, GpuSource::nothing);
  const GpuDiscovery found = discover_with("/nonexistent", {"ROCR_VISIBLE_DEVICES=4,5"});
  EXPECT_EQ(found.vendor, GpuVendor::amd_rocr);
  EXPECT_THAT(tokens(found), ElementsAre("4", "5"));
  EXPECT_THAT(found.note, HasSubstr("libcuda.so.1"));
  EXPECT_FALSE(found.trouble);
}

// ---- the stand-in itself, for the tests with virtual hosts and SLURM ---------------------------

TEST(StandInDriver, can_have_the_devices_that_a_file_lists) {
  const Folder folder;
  const std::string here = "FAKE_GPU_FILE=" + folder.file("here", "5, 2\n7\n");
  EXPECT_THAT(numbers(discover({here})), ElementsAre("5", "2", "7"));
  EXPECT_THAT(numbers(discover({here, "CUDA_VISIBLE_DEVICES=1"})), ElementsAre("2")) << "renumbered from 0";
  EXPECT_THAT(discover({"FAKE_GPU_FILE=/nonexistent"}).gpus, IsEmpty());
}

TEST(StandInDriver, can_have_the_devices_whose_nodes_may_be_opened) {
  const Folder folder;
  folder.file("gpu1");
  const std::string last = folder.file("gpu12");
  const std::string here = "FAKE_GPU_DEVICES=" + last.substr(0, last.size() - 2);
  EXPECT_THAT(numbers(discover({here})), ElementsAre("1", "12"));
  EXPECT_THAT(numbers(discover({here, "CUDA_VISIBLE_DEVICES=0"})), ElementsAre("1"));
}

TEST(StandInDriver, can_mix_the_host_into_its_uuids) {
  const std::string plain = discover({"FAKE_GPUS=1"}).gpus.at(0).identity;
  const std::string mixed = discover({"FAKE_GPUS=1", "FAKE_CUDA_HOST_UUIDS=1"}).gpus.at(0).identity;
  EXPECT_NE(mixed, plain);
  EXPECT_EQ(mixed, discover({"FAKE_GPUS=1", "FAKE_CUDA_HOST_UUIDS=1"}).gpus.at(0).identity);
}

}  // namespace
}  // namespace gradus
