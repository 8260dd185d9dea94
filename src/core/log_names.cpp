#include "core/log_names.h"

namespace gradus {

std::string log_name(std::uint32_t ordinal, std::uint32_t attempt, Stream stream) {
  auto name = "logs/" + std::to_string(ordinal);
  if (attempt > 1) name += "." + std::to_string(attempt);
  return name + (stream == Stream::out ? ".out" : ".err");
}

}  // namespace gradus
