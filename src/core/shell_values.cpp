#include "core/shell_values.h"

#include <fmt/format.h>

#include <initializer_list>
#include <map>

namespace gradus {
namespace {

/// The variable that holds a mark's value, for the message that forbids the value in a shell line.
std::string variable_of(Mark mark) {
  switch (mark) {
    case Mark::gpu:
    case Mark::gpu_comma:
    case Mark::gpu_colon:
    case Mark::gpu_from1: return "GRADUS_GPU_LIST";
    default: return std::string("GRADUS_") + mark_name(mark);
  }
}

/// The marks of which some slot would get a value that no shell line may hold, with such a value.
std::map<Mark, std::string> unsafe_values(const Plan& plan, const std::string& run_dir) {
  std::map<Mark, std::string> unsafe;
  const auto look = [&unsafe](std::string_view value, std::initializer_list<Mark> marks) {
    if (is_safe_in_shell(value)) return;
    for (const auto mark : marks) unsafe.try_emplace(mark, value);
  };
  look(run_dir, {Mark::run_dir, Mark::hostfile});
  for (const auto& rank : plan.ranks) {
    if (!rank.slots.empty()) look(rank.host, {Mark::host});
    for (const auto& slot : rank.slots) {
      for (const auto& gpu : slot.gpus) {
        look(gpu.position, {Mark::gpu, Mark::gpu_comma, Mark::gpu_colon, Mark::gpu_from1});
        look(gpu.token, {Mark::gpu_env});
      }
    }
  }
  return unsafe;
}

}  // namespace

std::string not_for_shell(Mark mark, std::string_view value) {
  return fmt::format("%({})s is '{}', which must not stand in a shell line: use \"${}\" instead", mark_name(mark),
                     value, variable_of(mark));
}

Diagnostics check_shell_values(const Graph& graph, const Plan& plan, const std::string& run_dir) {
  auto unsafe = unsafe_values(plan, run_dir);  // nearly always none: then no command is looked at
  Diagnostics mistakes;
  for (StepIndex step = 0; step < graph.step_count() && !unsafe.empty(); ++step) {
    const auto& one = graph.step(step);
    if (one.is_argv || one.command.find("%(") == std::string_view::npos) continue;
    for (const auto& piece : split_marks(one.command, nullptr)) {
      const auto it = piece.is_mark ? unsafe.find(piece.mark) : unsafe.end();
      if (it == unsafe.end()) continue;
      mistakes.push_back({graph.file(), one.line, 0,
                          fmt::format("step {}: {}", graph.name(step), not_for_shell(it->first, it->second))});
      unsafe.erase(it);
    }
  }
  return mistakes;
}

}  // namespace gradus
