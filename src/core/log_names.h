// How the files in `logs/` of the run directory are named.
//
// Knows: the naming rule. Unaware of: whether such a file exists, what is in it (core/output_pack.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

enum class Stream { out, err };

/// Where such files lie as long as no later life has put them aside.
inline constexpr std::string_view logs_folder = "logs";
/// Where what lives up to that one (from 1) have written was put aside: a later one has the steps in another order.
std::string logs_put_aside(std::uint32_t life);
/// The life of such a folder's name; 0 when it is none.
std::uint32_t life_of_logs_put_aside(std::string_view name);

/// `logs/17.out` for the first attempt of the step with ordinal 17, `logs/17.2.out` for its second.
std::string log_name(std::uint32_t ordinal, std::uint32_t attempt, Stream stream);
struct LogName {
  std::uint32_t ordinal = 0, attempt = 1;
  Stream stream = Stream::out;
  bool operator==(const LogName&) const = default;
};
/// Of such a name without its folder; nothing when it is none.
std::optional<LogName> read_log_name(std::string_view file_name);

/// `logs/running.2.0.out`: what the step writes that runs now on rank 2's slot 0, where outputs are packed.
std::string running_log_name(std::uint32_t rank, std::uint32_t slot, Stream stream);

/// `logs/rank-2.LIFE.pack`: the outputs of the steps that have ended on rank 2 in that life.
std::string pack_name(std::uint32_t rank, std::string_view life);
bool is_pack_name(std::string_view file_name);
/// `life` empty: of any.
bool is_pack_of(std::string_view life, std::string_view file_name);

/// `logs/17.hosts`, `logs/17.2.hosts`: the hosts of an attempt over several nodes, there while it runs.
std::string host_file_name(std::uint32_t ordinal, std::uint32_t attempt);

/// Where guardians tell which rank is gone and has no step left, a rank a line.
/// Of one life only: a guardian of an earlier one may still be at work.
std::string gone_file(const std::string& run_dir, const std::string& life);

/// Any of the above, without its folder: what `--restart` may remove.
bool is_log_name(std::string_view file_name);

}  // namespace gradus
