#include "run/gpu_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "core/size_text.h"

namespace gradus {
namespace {

constexpr std::uint64_t enough_samples = 20;
/// What a driver and a context keep for themselves, and what no sample saw.
constexpr double usable_memory = 0.9;

std::string count_word(std::uint32_t count) {
  constexpr std::array<const char*, 5> words{"none", "one", "two", "three", "four"};
  return count < words.size() ? words[count] : fmt::to_string(count);
}

/// The GPU slots of a node and what they share.
struct NodeShare {
  std::set<std::string> gpus;
  std::set<std::uint32_t> ranks;  // to whose slots they are dealt out
  std::map<std::string, std::uint32_t> slots_of;
};

/// By node; empty when a slot has several GPUs: there more slots come before more on one GPU.
std::map<std::uint32_t, NodeShare> shares(const Plan& plan) {
  std::map<std::uint32_t, NodeShare> nodes;
  for (const auto& rank : plan.ranks) {
    for (const auto& slot : rank.slots) {
      if (!slot.cpu_only) nodes[rank.node].ranks.insert(rank.rank);
      if (slot.gpus.size() > 1) return {};
      if (slot.gpus.empty()) continue;
      auto& node = nodes[rank.node];
      node.gpus.insert(slot.gpus.front().identity);
      ++node.slots_of[slot.gpus.front().identity];
    }
  }
  std::erase_if(nodes, [](const auto& node) { return node.second.gpus.empty(); });
  return nodes;
}

/// The most slots that have the same GPU.
std::uint32_t most_per_gpu(const std::map<std::uint32_t, NodeShare>& nodes) {
  std::uint32_t most = 0;
  for (const auto& [id, node] : nodes) {
    for (const auto& [gpu, slots] : node.slots_of) most = std::max(most, slots);
  }
  return most;
}

/// Slots of each rank with which no GPU has more than `per_gpu` of them, on any node.
std::uint32_t slots_per_rank(const std::map<std::uint32_t, NodeShare>& nodes, std::uint32_t per_gpu) {
  std::size_t least = std::numeric_limits<std::uint32_t>::max();
  for (const auto& [id, node] : nodes) least = std::min(least, per_gpu * node.gpus.size() / node.ranks.size());
  return static_cast<std::uint32_t>(least);
}

std::uint32_t most_gpu_slots_of_a_rank(const Plan& plan) {
  std::ptrdiff_t most = 0;
  for (const auto& rank : plan.ranks) {
    most = std::max(most, std::ranges::count_if(rank.slots, [](const auto& slot) { return !slot.gpus.empty(); }));
  }
  return static_cast<std::uint32_t>(most);
}

}  // namespace

void MeanGpuBusy::add(const GpuUse& use, double held_s) {
  if (use.samples == 0) return;
  // Whatever the clocks said, an attempt that was looked at has run; and one weight that is infinite spoils all.
  const double weight = held_s > 0 && std::isfinite(held_s) ? held_s : 0.001;
  samples_ += use.samples;
  held_s_ += weight;
  busy_s_ += double{use.busy} * weight;
}

void GpuUseOfRun::ended(const GpuUse& use, double held_s) {
  if (use.samples == 0 && use.memory_mib == 0) return;
  if (!(use.busy >= 0 && use.busy <= 1)) return;  // another rank may say nonsense
  ++attempts_;
  busy_.add(use, held_s);
  memory_mib_ = std::max(memory_mib_, use.memory_mib);
  if (use.total_mib > 0) total_mib_ = total_mib_ == 0 ? use.total_mib : std::min(total_mib_, use.total_mib);
}

std::string GpuUseOfRun::text() const {
  const auto memory = size_text(std::uint64_t{memory_mib_} << 20U);
  if (samples() == 0) return fmt::format("GPU steps had at most {} of a GPU's memory in use", memory);
  const auto busy_text =
      fmt::format("GPU steps kept their GPU{} {:.0f} % busy", several_each_ ? "s" : "", 100 * busy());
  if (memory_mib_ == 0) return busy_text;
  return busy_text + fmt::format(", at most {} of {} memory", memory, several_each_ ? "one's" : "its");
}

/// Both figures are of a GPU with `now` attempts on it.
bool GpuUseOfRun::fits(std::uint32_t now, std::uint32_t wanted) const {
  const double growth = static_cast<double>(wanted) / now;
  return busy() * growth <= 1 && memory_mib_ > 0 && memory_mib_ * growth <= usable_memory * total_mib_;
}

std::string GpuUseOfRun::advice(const Plan& plan, const SlotLayout& layout) const {
  const auto nodes = shares(plan);
  if (several_each_ || nodes.empty() || samples() < enough_samples) return "";
  const auto now = most_per_gpu(nodes);
  const auto wanted = now + 1;
  if (!fits(now, wanted)) return "";
  const auto words = count_word(wanted) + " per GPU may pay";
  const auto slots = slots_per_rank(nodes, wanted);
  if (slots <= most_gpu_slots_of_a_rank(plan)) return "";
  const auto threads = slots + (layout.master_is_a_thread ? 1 : 0);
  if (layout.list_says_who_shares) {
    return fmt::format("{} (--threads {}, and each GPU {} times in --gpus)", words, threads, wanted);
  }
  return fmt::format("{} ({}--threads {})", words, layout.exclusive ? "--gpu-sharing shared " : "", threads);
}

}  // namespace gradus
