#include "core/log_names.h"

#include <fmt/format.h>

#include <charconv>

namespace gradus {
namespace {

std::string stem(std::uint32_t ordinal, std::uint32_t attempt) {
  return attempt > 1 ? fmt::format("logs/{}.{}", ordinal, attempt) : fmt::format("logs/{}", ordinal);
}

const char* suffix(Stream stream) { return stream == Stream::out ? "out" : "err"; }

/// One or two numbers with a dot between.
bool are_numbers(std::string_view text, int least, int most) {
  int count = 0;
  for (;;) {
    const auto dot = text.find('.');
    const auto number = text.substr(0, dot);
    if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos) return false;
    ++count;
    if (dot == std::string_view::npos) return count >= least && count <= most;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string logs_put_aside(std::uint32_t life) { return fmt::format("{}.{}", logs_folder, life); }

std::uint32_t life_of_logs_put_aside(std::string_view name) {
  if (!name.starts_with(logs_folder) || name.substr(logs_folder.size(), 1) != ".") return 0;
  name.remove_prefix(logs_folder.size() + 1);
  std::uint32_t life = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), life);
  return error == std::errc() && end == name.data() + name.size() ? life : 0;
}

std::string log_name(std::uint32_t ordinal, std::uint32_t attempt, Stream stream) {
  return fmt::format("{}.{}", stem(ordinal, attempt), suffix(stream));
}

std::optional<LogName> read_log_name(std::string_view name) {
  LogName read;
  read.stream = name.ends_with(suffix(Stream::err)) ? Stream::err : Stream::out;
  if (!is_log_name(name) || !name.ends_with(suffix(read.stream))) return std::nullopt;
  const char* end = name.data() + name.rfind('.');
  const auto [dot, error] = std::from_chars(name.data(), end, read.ordinal);
  if (error != std::errc()) return std::nullopt;  // of a step that runs
  if (dot != end) std::from_chars(dot + 1, end, read.attempt);
  return read;
}

std::string running_log_name(std::uint32_t rank, std::uint32_t slot, Stream stream) {
  return fmt::format("logs/running.{}.{}.{}", rank, slot, suffix(stream));
}

std::string pack_name(std::uint32_t rank, std::string_view life) {
  return fmt::format("logs/rank-{}.{}.pack", rank, life);
}

bool is_pack_name(std::string_view name) {
  if (!name.starts_with("rank-") || !name.ends_with(".pack")) return false;
  name.remove_prefix(5);
  name.remove_suffix(5);
  return are_numbers(name, 3, 3);  // a life has two
}

bool is_pack_of(std::string_view life, std::string_view name) {
  return is_pack_name(name) && (life.empty() || name.ends_with(fmt::format(".{}.pack", life)));
}

std::string host_file_name(std::uint32_t ordinal, std::uint32_t attempt) {
  return fmt::format("{}.hosts", stem(ordinal, attempt));
}

std::string gone_file(const std::string& run_dir, const std::string& life) { return run_dir + "/logs/gone." + life; }

bool is_log_name(std::string_view name) {
  if (is_pack_name(name)) return true;
  if (name.starts_with("gone.")) return are_numbers(name.substr(5), 2, 2);
  for (const std::string_view end : {".out", ".err", ".hosts"}) {
    if (!name.ends_with(end)) continue;
    name.remove_suffix(end.size());
    if (name.starts_with("running.")) return end != ".hosts" && are_numbers(name.substr(8), 2, 2);
    return are_numbers(name, 1, 2);
  }
  return false;
}

}  // namespace gradus
