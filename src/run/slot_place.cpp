#include "run/slot_place.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gradus {
namespace {

/// ` GPU 0, 1`, ` GPU-5c1…`; empty without GPUs.
std::string gpus_in_words(const std::vector<std::string>& gpus) {
  if (gpus.empty()) return "";
  const bool says_so = gpus.front().starts_with("GPU-") || gpus.front().starts_with("MIG-");
  return fmt::format(" {}{}", says_so ? "" : "GPU ", fmt::join(gpus, ", "));
}

}  // namespace

std::string slot_place(std::string_view host, std::uint32_t slot, const std::vector<std::string>& gpus) {
  return fmt::format("{} slot {}{}", host, slot, gpus_in_words(gpus));
}

std::string slot_in_words(std::string_view host, std::uint32_t slot, const std::vector<std::string>& gpus) {
  return fmt::format("slot {} on {}{}{}", slot, host, gpus.empty() ? "" : " with", gpus_in_words(gpus));
}

}  // namespace gradus
