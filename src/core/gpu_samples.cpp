#include "core/gpu_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace gradus {
namespace {

constexpr std::size_t fields = 5;

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A whole number, perhaps with this unit behind it.
std::optional<std::uint32_t> number(std::string_view text, std::string_view unit) {
  if (text.ends_with(unit)) text = trim(text.substr(0, text.size() - unit.size()));
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// False when there are more or less of them.
bool split(std::string_view line, std::array<std::string_view, fields>& parts) {
  for (std::size_t i = 0; i < fields; ++i) {
    const auto comma = line.find(',');
    if ((comma == std::string_view::npos) != (i == fields - 1)) return false;
    parts[i] = trim(line.substr(0, comma));
    line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
  }
  return true;
}

std::optional<GpuReading> parse_line(std::string_view line) {
  std::array<std::string_view, fields> parts;
  if (!split(line, parts)) return std::nullopt;
  const auto [index, uuid, busy, used, total] = parts;
  if (!uuid.starts_with("GPU-") && !uuid.starts_with("MIG-")) return std::nullopt;
  GpuReading reading{std::string(uuid), number(index, ""), {}, number(used, "MiB"), number(total, "MiB")};
  if (const auto percent = number(busy, "%"); percent && *percent <= 100) {
    reading.busy = static_cast<float>(*percent) / 100;
  }
  return reading;
}

std::string text_of(const std::optional<std::uint32_t>& value) { return value ? fmt::to_string(*value) : "[N/A]"; }

}  // namespace

bool GpuReading::is_of(std::string_view identity) const {
  if (is_number(identity)) return index && fmt::to_string(*index) == identity;
  return identity.size() > 4 && uuid.starts_with(identity);
}

std::vector<GpuReading> parse_gpu_readings(std::string_view lines) {
  std::vector<GpuReading> readings;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    if (auto reading = parse_line(lines.substr(0, end))) readings.push_back(std::move(*reading));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return readings;
}

std::string gpu_reading_line(const GpuReading& reading) {
  std::optional<std::uint32_t> percent;
  if (reading.busy) percent = static_cast<std::uint32_t>(*reading.busy * 100 + 0.5F);
  return fmt::format("{}, {}, {}, {}, {}\n", text_of(reading.index), reading.uuid, text_of(percent),
                     text_of(reading.memory_mib), text_of(reading.total_mib));
}

void GpuSamples::began(std::uint32_t slot, std::vector<std::uint32_t> gpus, double now) {
  running_.push_back({slot, std::move(gpus), now, {}});
}

GpuUse GpuSamples::ended(std::uint32_t slot) {
  const auto at = std::ranges::find(running_, slot, &Running::slot);
  if (at == running_.end()) return {};
  auto use = at->use;
  if (at->busy_count > 0) use.busy = static_cast<float>(at->busy_sum / static_cast<double>(at->busy_count));
  running_.erase(at);
  return use;
}

std::vector<std::string> GpuSamples::used_now() const {
  std::vector<std::string> used;
  for (const auto& attempt : running_) {
    for (const auto gpu : attempt.gpus) {
      if (std::ranges::find(used, identities_[gpu]) == used.end()) used.push_back(identities_[gpu]);
    }
  }
  return used;
}

void GpuSamples::take(const std::vector<GpuReading>& readings, double asked_at) {
  for (auto& attempt : running_) {
    if (attempt.since > asked_at) continue;
    const bool is_all_its_own = attempt.since + driver_period_s <= asked_at;
    const auto before = attempt.busy_count;
    for (const auto gpu : attempt.gpus) {
      const auto at = std::ranges::find_if(readings, [&](const auto& one) { return one.is_of(identities_[gpu]); });
      if (at != readings.end()) add(*at, is_all_its_own, attempt);
    }
    if (attempt.busy_count > before) ++attempt.use.samples;
  }
}

void GpuSamples::add(const GpuReading& reading, bool is_all_its_own, Running& attempt) const {
  if (reading.busy && is_all_its_own) {
    attempt.busy_sum += double{*reading.busy};
    ++attempt.busy_count;
  }
  if (reading.memory_mib.value_or(0) <= attempt.use.memory_mib) return;
  attempt.use.memory_mib = *reading.memory_mib;
  attempt.use.total_mib = reading.total_mib.value_or(0);
}

}  // namespace gradus
