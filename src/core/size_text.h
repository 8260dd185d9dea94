// Sizes in bytes as people write them.
//
// Knows: the suffixes K, M, G, T (powers of 1024, as in SLURM and dd). Unaware of: what is measured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

/// `4096`, `64K`, `1.5G`, `10MB`, `2GiB`; case does not matter. Nothing when it is none, or above 2^60.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// `1.5 GiB`, `512 bytes`.
std::string size_text(std::uint64_t bytes);

}  // namespace gradus
