// A text as a JSON string.
//
// Knows: escaping. Unaware of: what the text means and where it is written.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

/// With its quotes; bytes that are no UTF-8 become the replacement character.
std::string json_string(std::string_view text);

}  // namespace gradus
