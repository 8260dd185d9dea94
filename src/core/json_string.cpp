#include "core/json_string.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gradus {

std::string json_string(std::string_view text) {
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
  if (is_plain) return std::string(1, '"').append(text).append(1, '"');
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace gradus
