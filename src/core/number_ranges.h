// Lists of numbers in short, as `0-3,8`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

/// `numbers` ascending.
std::string number_ranges(const std::vector<std::uint32_t>& numbers);

}  // namespace gradus
