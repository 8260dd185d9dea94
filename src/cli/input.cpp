#include "cli/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "node/tell.h"

namespace gradus::cli {
namespace {

/// `--use-gpu no` (or an empty GPU list) with steps that use GPUs is a contradiction, told by its first place.
void refuse_gpu_steps(const Input& input, Diagnostics& mistakes) {
  const auto& graph = *input.steps.graph;
  std::size_t count = 0;
  StepIndex first = no_step;
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    if (!graph.step(step).has_gpu_mark && graph.options(step).gpus.value_or(0) == 0) continue;
    if (count++ == 0) first = step;
  }
  if (count == 0) return;
  mistakes.push_back(
      {graph.file(), graph.step(first).line, 0,
       fmt::format("step {} uses a GPU{}, but --use-gpu (or GRADUS_USE_GPU) is no: say yes or leave it out",
                   graph.name(first), count > 1 ? fmt::format(" (and {} more do)", count - 1) : "")});
}

}  // namespace

std::shared_ptr<const std::string> read_text(const std::string& name, Diagnostics& mistakes) {
  auto text = std::make_shared<std::string>();
  const int fd = name == "-" ? dup(0) : open(name.c_str(), O_RDONLY | O_CLOEXEC);
  const auto refuse = [&] {
    mistakes.push_back({name, 0, 0, fmt::format("cannot be read: {}", strerrordesc_np(errno))});
    if (fd >= 0) close(fd);
    return text;
  };
  if (fd < 0) return refuse();
  struct stat status {};
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) text->reserve(static_cast<std::size_t>(status.st_size) + 64);
  for (std::size_t used = 0;;) {
    text->resize(std::max(text->capacity(), used + 65536));
    const ssize_t got = read(fd, text->data() + used, text->size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse();
    used += static_cast<std::size_t>(got);
    if (got == 0) {
      text->resize(used);
      break;
    }
  }
  close(fd);
  return text;
}

bool any_step_uses_gpu(const Graph& graph) {
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    if (graph.step(step).has_gpu_mark || graph.options(step).gpus.value_or(0) > 0) return true;
  }
  return false;
}

void leave_if_wrong(const Diagnostics& mistakes) {
  if (mistakes.empty()) return;
  for (const auto& mistake : mistakes) tell(stderr, "gradus: {}\n", to_string(mistake));
  tell(stderr, "gradus: {} mistake{}; nothing was started\n", mistakes.size(), mistakes.size() > 1 ? "s" : "");
  throw Leave{2};
}

Input read_input(Subcommand subcommand, const std::vector<std::string>& words, SignalRules signals) {
  const SignalsEndUs as_usual(signals == SignalRules::alone);
  Input input;
  Diagnostics mistakes;
  input.options = parse_command_line(subcommand, words, mistakes);
  const auto& name = input.options.steps;
  if (!name.empty()) {
    input.steps_name = name == "-" ? "standard input" : name;
    Diagnostics unreadable;
    input.text = read_text(name, unreadable);
    if (unreadable.empty()) {
      input.steps = parse_steps(input.steps_name, input.text, steps_format(name), is_run_option);
      add_file_options(input.steps, input.steps_name, input.options, mistakes);
    }
    for (auto* some : {&unreadable, &input.steps.mistakes}) mistakes.insert(mistakes.end(), some->begin(), some->end());
    for (const auto& warning : input.steps.warnings) {
      tell(stderr, "gradus: warning: {}\n", to_string(warning));
    }
  }
  if (input.steps.graph && input.options.use_gpu == false) refuse_gpu_steps(input, mistakes);
  if (input.options.gpus) {
    parse_gpu_list(*input.options.gpus, input.options.gpus_origin, input.options.gpus_line, mistakes);
  }
  leave_if_wrong(mistakes);
  return input;
}

PlacementOptions placement_options(const Input& input, bool alone) {
  const auto& options = input.options;
  PlacementOptions placement;
  const bool wanted =
      !input.steps.graph || any_step_uses_gpu(*input.steps.graph) || options.gpus || options.use_gpu == true;
  placement.use_gpu = options.use_gpu.value_or(wanted);
  placement.list_origin = options.gpus_origin;
  if (options.gpus) {
    Diagnostics checked_before;
    placement.list = parse_gpu_list(*options.gpus, options.gpus_origin, options.gpus_line, checked_before);
  }
  // Alone, thread 0 is the master: 3 threads are 2 slots; with one thread it is master and slot in one.
  const bool counts_master = alone && !options.master_works;
  const auto threads = options.threads.value_or(0);
  placement.threads = counts_master && threads > 1 ? threads - 1 : threads;
  placement.cpu_slots = options.cpu_slots;
  placement.sharing = options.gpu_exclusive ? GpuSharing::exclusive : GpuSharing::shared;
  placement.alone = alone;
  return placement;
}

}  // namespace gradus::cli
