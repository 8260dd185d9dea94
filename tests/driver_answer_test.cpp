#include "core/driver_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace gradus {
namespace {

using Status = DriverAnswer::Status;

DriverAnswer two_gpus() {
  DriverAnswer answer;
  answer.status = Status::ok;
  answer.gpus = {{.identity = "GPU-a", .token = "", .name = "NVIDIA H100 80GB HBM3", .pci = "0000:17:00.0"},
                 {.identity = "MIG-b", .token = "", .name = "", .pci = ""}};
  return answer;
}

TEST(DriverAnswer, is_read_back_as_it_was_written) {
  const DriverAnswer refused{.status = Status::error, .error = 803, .text = "CUDA_ERROR_X (why) in cuInit", .gpus = {}};
  const DriverAnswer absent{.status = Status::no_driver, .error = 0, .text = "cannot open", .gpus = {}};
  const DriverAnswer unbuilt{.status = Status::built_without_cuda, .error = 0, .text = "", .gpus = {}};
  for (const DriverAnswer& answer : {two_gpus(), refused, absent, unbuilt}) {
    EXPECT_EQ(parse_driver_answer(driver_answer_lines(answer)), answer) << driver_answer_lines(answer);
  }
}

TEST(DriverAnswer, a_tab_or_newline_in_a_name_cannot_break_the_lines) {
  DriverAnswer answer = two_gpus();
  answer.gpus[0].name = "odd\tname\nok\n";
  EXPECT_EQ(parse_driver_answer(driver_answer_lines(answer)).gpus.at(0).name, "odd name ok ");
}

TEST(DriverAnswer, is_silent_wherever_it_is_cut_off) {
  const std::string whole = driver_answer_lines(two_gpus());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const DriverAnswer answer = parse_driver_answer(whole.substr(0, length));
    EXPECT_EQ(answer.status, Status::silent) << length;
    EXPECT_TRUE(answer.gpus.empty()) << length;
  }
}

TEST(DriverAnswer, is_silent_and_cites_the_line_when_it_is_no_answer) {
  EXPECT_EQ(parse_driver_answer("hello\nok\n"), (DriverAnswer{.text = "it said `hello`", .gpus = {}}));
  EXPECT_EQ(parse_driver_answer("gpu\t1\tGPU-a\t\t\nok\n").status, Status::silent) << "positions count from 0";
  EXPECT_EQ(parse_driver_answer("gpu\t0\t\t\t\nok\n").status, Status::silent) << "no UUID";
  EXPECT_EQ(parse_driver_answer("error\tmany\ttext\n").status, Status::silent);
  EXPECT_EQ(parse_driver_answer("ok\nok\n").status, Status::silent) << "nothing may follow";
}

TEST(DriverAnswer, an_error_after_some_devices_leaves_no_device) {
  EXPECT_TRUE(parse_driver_answer("gpu\t0\tGPU-a\t\t\nerror\t999\tx\n").gpus.empty());
}

TEST(DriverAnswer, spells_uuids_as_nvidia_smi_does) {
  std::array<unsigned char, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(0xf0 + i);
  EXPECT_EQ(gpu_uuid_text(bytes, false), "GPU-f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff");
  EXPECT_EQ(gpu_uuid_text(bytes, true), "MIG-f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff");
}

TEST(DriverAnswer, spells_pci_addresses_as_sysfs_does) {
  EXPECT_EQ(sysfs_pci_address("0000:1A:00.0"), "0000:1a:00.0");
  EXPECT_EQ(sysfs_pci_address("00000000:1A:00.0"), "0000:1a:00.0");
  EXPECT_EQ(sysfs_pci_address("00010000:1A:00.0"), "10000:1a:00.0") << "a domain above ffff keeps its digits";
  EXPECT_EQ(sysfs_pci_address("1:1A:00.0"), "0001:1a:00.0");
  EXPECT_EQ(sysfs_pci_address("1A:00.0"), "0000:1a:00.0");
  EXPECT_EQ(sysfs_pci_address(""), "");
}

}  // namespace
}  // namespace gradus
