// How the files of an attempt are named inside the run directory.
//
// Knows: the naming rule. Unaware of: whether such a file exists.
#pragma once

#include <cstdint>
#include <string>

namespace gradus {

enum class Stream { out, err };

/// `logs/17.out` for the first attempt of the step with ordinal 17, `logs/17.2.out` for its second.
std::string log_name(std::uint32_t ordinal, std::uint32_t attempt, Stream stream);

/// `logs/17.hosts`, `logs/17.2.hosts`: the hosts of an attempt over several nodes, there while it runs.
std::string host_file_name(std::uint32_t ordinal, std::uint32_t attempt);

/// Where guardians tell which rank is gone and has no step left, a rank a line.
/// Of one life only: a guardian of an earlier one may still be at work.
std::string gone_file(const std::string& run_dir, const std::string& life);

}  // namespace gradus
