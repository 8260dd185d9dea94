#include "core/slot_health.h"

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

bool is_hardly_chance(std::uint64_t failed, std::uint64_t succeeded, std::size_t in_a_row) {
  constexpr double hardly_chance = 1e-3;
  const double rate = static_cast<double>(failed + 1) / static_cast<double>(failed + succeeded + 2);
  return std::pow(rate, static_cast<double>(in_a_row)) < hardly_chance;
}

}  // namespace

void SlotHealth::succeeded(Slot slot, std::uint64_t shape) {
  if (least_ == 0) return;
  auto& record = slots_[slot];
  ++record.by_shape[shape].succeeded;
  ++shapes_[shape].succeeded;
  record.streak.clear();
  suspects_.erase(slot);
}

void SlotHealth::failed(Slot slot, std::uint64_t shape, StepIndex step, const std::vector<Slot>& failed_elsewhere) {
  if (least_ == 0) return;
  auto& record = slots_[slot];
  ++record.by_shape[shape].failed;
  ++shapes_[shape].failed;
  bool is_the_step = false;
  for (const auto other : failed_elsewhere) {
    if (other == slot) continue;
    is_the_step = true;
    take_back(other, step);
  }
  const auto& streak = record.streak;
  const bool again = std::any_of(streak.begin(), streak.end(), [step](const Failure& one) { return one.step == step; });
  if (is_the_step || again) return;
  record.streak.push_back({step, shape});
  if (is_suspect(record)) suspects_.insert(slot);
}

void SlotHealth::take_back(Slot slot, StepIndex step) {
  const auto it = slots_.find(slot);
  if (it == slots_.end()) return;
  std::erase_if(it->second.streak, [step](const Failure& one) { return one.step == step; });
  if (!is_suspect(it->second)) suspects_.erase(slot);
}

std::set<std::uint64_t> SlotHealth::streak_shapes(Slot slot) const {
  std::set<std::uint64_t> shapes;
  const auto it = slots_.find(slot);
  if (it == slots_.end()) return shapes;
  for (const auto& one : it->second.streak) shapes.insert(one.shape);
  return shapes;
}

/// How attempts of the shapes of its streak ended on slots that are not suspect.
SlotHealth::Count SlotHealth::elsewhere(const Record& record) const {
  std::set<std::uint64_t> shapes;
  for (const auto& one : record.streak) shapes.insert(one.shape);
  Count sum;
  for (const auto shape : shapes) {
    auto count = shapes_.at(shape);
    for (const auto suspect : suspects_) {
      const auto& counts = slots_.at(suspect).by_shape;
      const auto it = counts.find(shape);
      if (it == counts.end()) continue;
      count.succeeded -= it->second.succeeded;
      count.failed -= it->second.failed;
    }
    sum.succeeded += count.succeeded;
    sum.failed += count.failed;
  }
  return sum;
}

bool SlotHealth::is_bad(const Record& record) const {
  const auto count = elsewhere(record);
  return count.succeeded > 0 && is_hardly_chance(count.failed, count.succeeded, record.streak.size());
}

bool SlotHealth::lacks_evidence(Slot suspect) const {
  const auto& record = slots_.at(suspect);
  const auto count = elsewhere(record);
  return !is_hardly_chance(0, count.failed + count.succeeded, record.streak.size());
}

std::vector<SlotHealth::Slot> SlotHealth::bad() const {
  std::vector<Slot> slots;
  for (const auto slot : suspects_) {
    if (is_bad(slots_.at(slot))) slots.push_back(slot);
  }
  return slots;
}

std::vector<StepIndex> SlotHealth::streak(Slot slot) const {
  std::vector<StepIndex> steps;
  const auto it = slots_.find(slot);
  if (it == slots_.end()) return steps;
  for (const auto& one : it->second.streak) steps.push_back(one.step);
  return steps;
}

void SlotHealth::forget(Slot slot) {
  suspects_.erase(slot);
  const auto it = slots_.find(slot);
  if (it == slots_.end()) return;
  for (const auto& [shape, count] : it->second.by_shape) {
    shapes_[shape].succeeded -= count.succeeded;
    shapes_[shape].failed -= count.failed;
  }
  slots_.erase(it);
}

}  // namespace gradus
