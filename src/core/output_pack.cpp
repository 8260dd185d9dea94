#include "core/output_pack.h"

#include <fmt/format.h>

#include <charconv>

namespace gradus {
namespace {

template <class T>
bool take(std::string_view& text, std::string_view key, T& number) {
  if (!text.starts_with(key)) return false;
  text.remove_prefix(key.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string pack_line(const PackedOutput& output) {
  return fmt::format("gradus-output step={} attempt={} out={} err={}\n", output.ordinal, output.attempt,
                     output.out_size, output.err_size);
}

std::optional<PackedOutput> read_pack_line(std::string_view line) {
  PackedOutput output;
  const bool is_one = take(line, "gradus-output step=", output.ordinal) && take(line, " attempt=", output.attempt) &&
                      take(line, " out=", output.out_size) && take(line, " err=", output.err_size) && line.empty();
  constexpr std::uint64_t most = std::uint64_t{1} << 60;  // their sum must stay a number
  if (!is_one || output.out_size > most || output.err_size > most) return std::nullopt;
  return output;
}

}  // namespace gradus
