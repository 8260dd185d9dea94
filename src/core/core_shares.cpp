#include "core/core_shares.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "gradus/placement.h"

namespace gradus {
namespace {

using Cores = std::vector<std::uint32_t>;

/// As GPUs are dealt out.
std::vector<std::uint32_t> by_rule(std::size_t count, std::size_t slots, std::size_t slot) {
  return entries_of_slot(static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(slots),
                         static_cast<std::uint32_t>(slot), GpuSharing::shared);
}

class Sharing {
 public:
  Sharing(const Cores& cores, std::size_t slots) : cores_(cores), parts_(slots), wanted_(slots) {
    for (std::size_t i = 0; i < slots; ++i) wanted_[i] = by_rule(cores.size(), slots, i).size();
  }

  /// Those of `wish` that are free go to `slots`, in stretches.
  void give(const Cores& wish, const std::vector<std::size_t>& slots) {
    Cores free;
    for (const auto core : cores_) {
      if (!taken_.contains(core) && std::binary_search(wish.begin(), wish.end(), core)) free.push_back(core);
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (free.size() < slots.size() && i >= free.size()) break;
      for (const auto index : by_rule(free.size(), slots.size(), i)) take(slots[i], free[index]);
    }
  }
  void fill_up() {
    for (std::size_t slot = 0; slot < parts_.size(); ++slot) {
      for (const auto core : cores_) {
        if (!taken_.contains(core)) take(slot, core);
      }
    }
    for (auto& part : parts_) std::sort(part.begin(), part.end());
  }
  std::vector<Cores> parts() && { return std::move(parts_); }

 private:
  void take(std::size_t slot, std::uint32_t core) {
    if (parts_[slot].size() >= wanted_[slot]) return;
    parts_[slot].push_back(core);
    taken_.insert(core);
  }

  const Cores& cores_;
  std::vector<Cores> parts_;
  std::vector<std::size_t> wanted_;
  std::set<std::uint32_t> taken_;
};

std::vector<Cores> share_few(const Cores& cores, std::size_t slots) {
  std::vector<Cores> parts(slots);
  for (std::size_t i = 0; i < slots; ++i) {
    for (const auto index : by_rule(cores.size(), slots, i)) parts[i].push_back(cores[index]);
  }
  return parts;
}

}  // namespace

std::vector<Cores> share_out_cores(const Cores& cores, const std::vector<Cores>& near) {
  std::map<Cores, std::vector<std::size_t>> by_wish;
  for (std::size_t slot = 0; slot < near.size(); ++slot) {
    auto wish = near[slot];
    std::sort(wish.begin(), wish.end());
    if (!wish.empty()) by_wish[wish].push_back(slot);
  }
  if (by_wish.empty() || cores.size() < near.size()) return share_few(cores, near.size());
  // Small wishes first: large ones have more to choose from.
  std::vector<std::pair<Cores, std::vector<std::size_t>>> wishes(by_wish.begin(), by_wish.end());
  std::stable_sort(wishes.begin(), wishes.end(),
                   [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
  Sharing sharing(cores, near.size());
  for (const auto& [wish, slots] : wishes) sharing.give(wish, slots);
  sharing.fill_up();
  return std::move(sharing).parts();
}

std::vector<std::uint32_t> read_cpu_list(const char* text) {
  constexpr unsigned long most = 1 << 20;
  Cores cores;
  while (*text >= '0' && *text <= '9') {
    char* end = nullptr;
    const auto first = std::strtoul(text, &end, 10);
    auto last = first;
    if (*end == '-') last = std::strtoul(end + 1, &end, 10);
    for (auto core = first; core <= last && last < most; ++core) cores.push_back(static_cast<std::uint32_t>(core));
    text = *end == ',' ? end + 1 : "";
  }
  return cores;
}

}  // namespace gradus
