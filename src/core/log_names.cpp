#include "core/log_names.h"

namespace gradus {

namespace {

std::string stem(std::uint32_t ordinal, std::uint32_t attempt) {
  auto name = "logs/" + std::to_string(ordinal);
  if (attempt > 1) name += "." + std::to_string(attempt);
  return name;
}

}  // namespace

std::string log_name(std::uint32_t ordinal, std::uint32_t attempt, Stream stream) {
  return stem(ordinal, attempt) + (stream == Stream::out ? ".out" : ".err");
}

std::string host_file_name(std::uint32_t ordinal, std::uint32_t attempt) { return stem(ordinal, attempt) + ".hosts"; }

std::string gone_file(const std::string& run_dir, const std::string& life) { return run_dir + "/logs/gone." + life; }

}  // namespace gradus
