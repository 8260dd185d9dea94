#include "cli/option_table.h"

#include <fmt/format.h>

namespace gradus::cli {

std::string store_count(std::uint32_t& target, const std::string& text, std::uint32_t least) {
  std::size_t used = 0;
  unsigned long value = 0;
  try {
    value = std::stoul(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (text.empty() || text[0] == '-' || used != text.size() || value < least || value > 1000000) {
    return fmt::format("'{}' is not a whole number from {} to 1000000", text, least);
  }
  target = static_cast<std::uint32_t>(value);
  return "";
}

std::string store_duration(double& target, const std::string& text) {
  const double seconds = parse_duration(text);
  if (seconds < 0) return fmt::format("'{}' is no duration: write 90s, 30m, 4h or 01:30:00", text);
  target = seconds;
  return "";
}

}  // namespace gradus::cli
