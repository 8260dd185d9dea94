#include "core/size_text.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace gradus {

std::optional<std::uint64_t> parse_size(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) return std::nullopt;
  std::string suffix;
  for (const char* at = end; at != text.data() + text.size(); ++at) {
    suffix += static_cast<char>(std::toupper(static_cast<unsigned char>(*at)));
  }
  if (suffix.ends_with("IB")) {
    suffix.resize(suffix.size() - 2);
    if (suffix.empty()) return std::nullopt;
  } else if (suffix.ends_with('B')) {
    suffix.pop_back();
  }
  constexpr std::string_view units = "KMGT";
  if (!suffix.empty()) {
    const auto unit = units.find(suffix.front());
    if (suffix.size() > 1 || unit == std::string_view::npos) return std::nullopt;
    for (std::size_t i = 0; i <= unit; ++i) number *= 1024;
  }
  if (number > 0x1p60) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  auto number = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (number < 1024) break;
    number /= 1024;
    unit = next;
  }
  return fmt::format("{:.{}f} {}", number, number < 10 ? 1 : 0, unit);
}

}  // namespace gradus
