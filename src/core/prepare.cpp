#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/launcher_environment.h"
#include "core/log_names.h"
#include "core/order.h"
#include "core/shell_values.h"
#include "gradus/attempt.h"
#include "gradus/marks.h"

namespace gradus {
namespace {

constexpr std::array<const char*, 4> visible_devices_names{"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
                                                           "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"};

bool is_visible_devices_variable(std::string_view name) {
  return std::find(visible_devices_names.begin(), visible_devices_names.end(), name) != visible_devices_names.end();
}

std::string join(const std::vector<std::string>& texts, const char* separator) {
  return fmt::format("{}", fmt::join(texts, separator));
}

/// What one attempt's marks become, and its variables.
class AttemptValues {
 public:
  AttemptValues(const AttemptOrder& order, const PlannedRank& rank, const RunSettings& settings)
      : order_(order), rank_(rank), settings_(settings), runner_(rank.slots[order.slots.front()]) {
    for (const auto& [slot, gpu] : order.gpus) gpus_.push_back(rank.slots[slot].gpus[gpu]);
    std::set<std::uint32_t> cores;
    // An MPI program over several nodes has a process for each slot, as its host file says.
    const auto last = order.hosts.empty() ? order.slots.size() : 1;
    for (std::size_t i = 0; i < last; ++i) {
      const auto& more = rank.slots[order.slots[i]].cores;
      cores.insert(more.begin(), more.end());
    }
    cpus_ = order.cpus > 0 ? order.cpus : std::max<std::uint32_t>(1, static_cast<std::uint32_t>(cores.size()));
    is_masked_ = !gpus_.empty() && (settings.gpu_mask || order.mask_gpus);
    sees_only_its_own_ = is_masked_ || step_masks_itself();
  }

  bool is_masked() const { return is_masked_; }
  bool has_gpus() const { return !gpus_.empty(); }
  std::uint32_t cpus() const { return cpus_; }

  std::vector<std::string> tokens() const {
    std::vector<std::string> tokens;
    for (const auto& gpu : gpus_) tokens.push_back(gpu.token);
    return tokens;
  }
  /// As the step will count them: among all the node's, or among its own only.
  std::vector<std::string> positions(int from = 0) const {
    std::vector<std::string> positions;
    for (std::size_t i = 0; i < gpus_.size(); ++i) {
      const auto& given = gpus_[i].position;
      const bool is_number = !given.empty() && given.find_first_not_of("0123456789") == std::string::npos;
      if (sees_only_its_own_) {
        positions.push_back(std::to_string(static_cast<int>(i) + from));
      } else {
        positions.push_back(is_number ? std::to_string(std::stol(given) + from) : given);
      }
    }
    return positions;
  }

  std::string of(Mark mark, bool is_visible_devices_value) const {
    if (is_visible_devices_value && can_be_visible_devices_value(mark)) return join(tokens(), ",");
    switch (mark) {
      case Mark::gpu: return join(positions(), " ");
      case Mark::gpu_comma: return join(positions(), ",");
      case Mark::gpu_colon: return join(positions(), ":");
      case Mark::gpu_from1: return join(positions(1), " ");
      case Mark::gpu_count: return std::to_string(gpus_.size());
      case Mark::gpu_env: return join(tokens(), ",");
      case Mark::step: return std::to_string(order_.step + 1);
      case Mark::attempt: return std::to_string(order_.number);
      case Mark::rank: return std::to_string(rank_.rank);
      case Mark::local_rank: return std::to_string(rank_.local_rank);
      case Mark::thread: return std::to_string(runner_.thread);
      case Mark::slot: return std::to_string(runner_.slot);
      case Mark::host: return rank_.host;
      case Mark::cpus: return std::to_string(cpus_);
      case Mark::run_dir: return settings_.run_dir;
      case Mark::nodes: return std::to_string(std::max<std::size_t>(1, order_.hosts.size()));
      case Mark::hostfile: return settings_.run_dir + "/" + host_file_name(order_.step + 1, order_.attempt);
    }
    return "";
  }

 private:
  /// `CUDA_VISIBLE_DEVICES=%(GPU)s` in the command, or an env key of that name with such a mark.
  bool step_masks_itself() const {
    const auto has_value_mark = [](std::string_view text) {
      const auto pieces = split_marks(text, nullptr);
      return std::any_of(pieces.begin(), pieces.end(), [](const MarkPiece& p) { return p.is_visible_devices_value; });
    };
    if (order_.command.find("%(GPU") != std::string::npos && has_value_mark(order_.command)) return true;
    return std::any_of(order_.env.begin(), order_.env.end(), [](const auto& variable) {
      if (!is_visible_devices_variable(variable.first)) return false;
      const auto pieces = split_marks(variable.second, nullptr);
      return std::any_of(pieces.begin(), pieces.end(), [](const MarkPiece& piece) {
        return piece.is_mark && can_be_visible_devices_value(piece.mark);
      });
    });
  }

  const AttemptOrder& order_;
  const PlannedRank& rank_;
  const RunSettings& settings_;
  const PlannedSlot& runner_;
  std::vector<SlotGpu> gpus_;
  std::uint32_t cpus_ = 1;
  bool is_masked_ = false;
  bool sees_only_its_own_ = false;
};

using Variables = std::vector<std::pair<std::string, std::string>>;

Variables variables(const AttemptOrder& order, const PlannedRank& rank, const RunSettings& settings,
                    const AttemptValues& values, bool (*inherited)(std::string_view)) {
  Variables all;
  const auto of = [&](Mark mark) { return values.of(mark, false); };
  all.emplace_back("GRADUS_STEP", of(Mark::step));
  all.emplace_back("GRADUS_STEP_ID", order.id);
  all.emplace_back("GRADUS_ATTEMPT", of(Mark::attempt));
  all.emplace_back("GRADUS_RANK", of(Mark::rank));
  all.emplace_back("GRADUS_LOCAL_RANK", of(Mark::local_rank));
  all.emplace_back("GRADUS_THREAD", of(Mark::thread));
  all.emplace_back("GRADUS_SLOT", of(Mark::slot));
  all.emplace_back("GRADUS_HOST", of(Mark::host));
  all.emplace_back("GRADUS_CPUS", of(Mark::cpus));
  all.emplace_back("GRADUS_RUN_DIR", of(Mark::run_dir));
  // The step's own, so that a gradus inside it deals out these and no others.
  all.emplace_back("GRADUS_USE_GPU", values.has_gpus() ? "yes" : "no");
  all.emplace_back("GRADUS_GPU_LIST", values.has_gpus() ? of(Mark::gpu_comma) : "none");
  all.emplace_back("GRADUS_GPU_COUNT", of(Mark::gpu_count));
  all.emplace_back("GRADUS_GPU_ENV", of(Mark::gpu_env));
  // Positions must mean the same to every program: CUDA's own default is fastest first.
  if (!inherited("CUDA_DEVICE_ORDER")) all.emplace_back("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  if (order.cpus > 0 || !inherited("OMP_NUM_THREADS")) all.emplace_back("OMP_NUM_THREADS", of(Mark::cpus));
  if (!order.hosts.empty()) {
    all.emplace_back("GRADUS_NODES", of(Mark::nodes));
    all.emplace_back("GRADUS_HOSTFILE", of(Mark::hostfile));
    // Its mpirun has to start daemons on the other nodes, by srun, beside those of our own run.
    if (inherited("SLURM_JOB_ID") && !inherited("SLURM_OVERLAP")) all.emplace_back("SLURM_OVERLAP", "1");
  } else if (inherited("SLURM_JOB_ID")) {
    for (const auto& [name, value] : nested_mpirun_in_slurm) {
      if (!inherited(name)) all.emplace_back(name, value);
    }
  }
  // One variable only: CUDA_ and ROCR_ together would filter twice on AMD.
  const char* visible = visible_devices_variable(rank.gpu_vendor);
  if (values.is_masked()) all.emplace_back(visible, of(Mark::gpu_env));
  if (!values.has_gpus() && settings.hide_gpus) all.emplace_back(visible, "");
  return all;
}

/// In a shell line a value must be one that no shell reads anything into.
std::string expand_for_shell(const AttemptOrder& order, const AttemptValues& values, std::string& mistake) {
  return expand_marks(order.command, [&](Mark mark, bool is_visible_devices_value) {
    auto value = values.of(mark, is_visible_devices_value);
    auto checked = value;
    if (mark == Mark::gpu || mark == Mark::gpu_from1) std::erase(checked, ' ');
    if (!is_safe_in_shell(checked) && mistake.empty()) {
      mistake = not_for_shell(mark, value);
    }
    return value;
  });
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace

bool runs_without_shell(std::string_view line) {
  if (line.find_first_of("|&;<>()$`\\\"'*?[]#~={}!\n") != std::string_view::npos) return false;
  // Reserved words, special and other builtins of the POSIX shell (XCU 2.4, 2.14 and 1.6); true, test,
  // echo and printf do the same as programs.
  static const std::set<std::string_view> shell_words{
      "if",   "then",    "else",     "elif",   "fi",      "do",      "done",  "case",   "esac",     "while",  "until",
      "for",  "in",      "!",        "{",      "}",       ":",       ".",     "break",  "continue", "eval",   "exec",
      "exit", "export",  "readonly", "return", "set",     "shift",   "times", "trap",   "unset",    "alias",  "bg",
      "cd",   "command", "false",    "fc",     "fg",      "getopts", "hash",  "jobs",   "kill",     "newgrp", "pwd",
      "read", "type",    "ulimit",   "umask",  "unalias", "wait",    "local", "source", "function", "select", "time"};
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return false;
  const auto end = line.find_first_of(" \t", begin);
  return !shell_words.contains(line.substr(begin, end == std::string_view::npos ? end : end - begin));
}

PreparedCommand prepare(const AttemptOrder& order, const PlannedRank& rank, const RunSettings& settings,
                        bool (*inherited)(std::string_view name)) {
  const AttemptValues values(order, rank, settings);
  const auto expand = [&](std::string_view text) {
    return expand_marks(text, [&](Mark mark, bool is_value) { return values.of(mark, is_value); });
  };
  PreparedCommand prepared;
  if (order.is_argv) {
    // A prolog needs a shell; the words reach it as arguments, so that it reads nothing into them.
    if (!settings.prolog.empty()) {
      prepared.by_shell = true;
      prepared.argv = {settings.shell, "-c", settings.prolog + "\nexec \"$@\"", settings.shell};
    }
    for (const auto& word : split_zero_terminated(order.command)) prepared.argv.push_back(expand(word));
  } else {
    auto line = expand_for_shell(order, values, prepared.mistake);
    if (settings.prolog.empty() && runs_without_shell(line)) {
      prepared.argv = words_of(line);
    } else {
      prepared.by_shell = true;
      prepared.argv = {settings.shell, "-c", settings.prolog.empty() ? line : settings.prolog + "\n" + line};
    }
  }
  prepared.cwd = expand(order.cwd);
  prepared.env = variables(order, rank, settings, values, inherited);
  for (const auto& [name, value] : order.env) {
    const bool is_visible = is_visible_devices_variable(name);
    prepared.env.emplace_back(
        name, expand_marks(value, [&](Mark mark, bool is_value) { return values.of(mark, is_visible || is_value); }));
  }
  return prepared;
}

}  // namespace gradus
