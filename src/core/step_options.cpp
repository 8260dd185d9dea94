#include "core/step_options.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "gradus/steps_file.h"

namespace gradus {
namespace {

template <class T>
std::string set_whole(T& target, std::string_view value, long least, long most) {
  long number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < least || number > most) {
    return fmt::format("'{}' is not a whole number from {} to {}", value, least, most);
  }
  target = static_cast<T>(number);
  return "";
}

std::string set_gpus(StepOptions& options, std::string_view value) {
  std::uint32_t count = 0;
  auto wrong = set_whole(count, value, 0, 100000);
  if (wrong.empty()) options.gpus = count;
  return wrong;
}

std::string set_timeout(StepOptions& options, std::string_view value) {
  const double seconds = value == "none" ? 0 : parse_duration(value);
  if (seconds < 0)
    return fmt::format("'{}' is no duration, or more than 100 years: write 90s, 30m, 4h or 01:30:00", value);
  options.timeout_s = seconds;
  return "";
}

std::string set_cost(StepDraft& draft, std::string_view value) {
  const double seconds = parse_duration(value);
  if (seconds < 0)
    return fmt::format("'{}' is no duration, or more than 100 years: a cost is the expected seconds, 0 or more", value);
  draft.cost = static_cast<float>(seconds);
  return "";
}

}  // namespace

bool is_scalar_option(std::string_view name) {
  for (const std::string_view known : {"gpus", "cpus", "nodes", "timeout", "retries", "priority", "cost", "cwd"}) {
    if (name == known) return true;
  }
  return false;
}

std::string set_scalar_option(StepDraft& draft, std::string_view name, std::string_view value) {
  auto& options = draft.options;
  if (name == "gpus") return set_gpus(options, value);
  if (name == "cpus") return set_whole(options.cpus, value, 1, 100000);
  if (name == "nodes") return set_whole(options.nodes, value, 1, 1000000);
  if (name == "timeout") return set_timeout(options, value);
  if (name == "retries") return set_whole(options.retries, value, 0, 1000);
  if (name == "priority") return set_whole(options.priority, value, -1000000000, 1000000000);
  if (name == "cost") return set_cost(draft, value);
  if (value.empty()) return "an empty folder name";
  options.cwd = value;
  return "";
}

std::string check_variable_name(std::string_view name) {
  const auto is_good = [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  bool good = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
  for (const char c : name) good = good && is_good(c);
  return good ? "" : fmt::format("'{}' is no name for an environment variable", name);
}

}  // namespace gradus
