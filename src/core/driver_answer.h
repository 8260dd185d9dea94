// What a GPU driver answered, and the lines in which a probe process tells it to its parent.
//
// Knows: the line protocol (written and read here, so that the two cannot drift apart), the spelling
//        of UUIDs and PCI addresses, what the common driver errors mean for a person.
// Unaware of: the driver itself, processes, and the visible-devices variables (see visible_devices.h).
//
// The protocol, one line each, fields separated by tabs:
//   gpu POSITION UUID PCI NAME        one per device, positions counting up from 0
//   then exactly one of, always the last line (its absence means that the probe did not get to the end):
//   ok | no-driver TEXT | error NUMBER TEXT | built-without-cuda
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/placement.h"

namespace gradus {

struct DriverAnswer {
  enum class Status : std::uint8_t {
    ok,                  ///< `gpus` is the truth, also when it is empty
    no_driver,           ///< no usable driver library; `text` says what the loader said
    error,               ///< the driver refused: `error` and `text`
    built_without_cuda,  ///< this program does not know the driver's types
    silent               ///< the probe did not get to the end; `text` says why
  };
  Status status = Status::silent;
  int error = 0;  ///< the driver's own number
  std::string text;
  std::vector<VisibleGpu> gpus;  ///< by position; tokens are empty: the driver does not know them
  bool operator==(const DriverAnswer&) const = default;
};

/// The driver's number for "no device is visible": an answer, not a fault.
inline constexpr int driver_error_no_device = 100;

/// The lines for `answer`, each ended by a newline. Tabs and control characters in texts become spaces.
std::string driver_answer_lines(const DriverAnswer& answer);
/// The reverse. Whatever is not a whole answer gives Status::silent, with the first odd line in `text`.
DriverAnswer parse_driver_answer(std::string_view lines);

/// `GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` (or `MIG-…`), as nvidia-smi spells it. `bytes` are 16.
std::string gpu_uuid_text(std::span<const unsigned char> bytes, bool is_mig);
/// `0000:17:00.0`: lower case and a domain of at least four digits, as the folders in sysfs are named.
/// nvidia-smi writes eight digits, the driver capital letters.
std::string sysfs_pci_address(std::string_view address);

/// What a person can do about this driver error; empty when nothing better than nvidia-smi is known.
const char* driver_error_advice(int error);

}  // namespace gradus
