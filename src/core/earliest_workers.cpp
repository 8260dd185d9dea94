#include "core/earliest_workers.h"

#include <algorithm>

namespace gradus {

void EarliestWorkers::make_room(std::size_t workers) {
  leaves_ = std::max<std::size_t>(1, leaves_);
  while (leaves_ < workers) leaves_ *= 2;
  tree_.assign(2 * leaves_, std::numeric_limits<double>::infinity());
  is_touched_.assign(leaves_, false);
  touched_.clear();
  known_ = 0;  // all are asked again
}

void EarliestWorkers::set(std::uint32_t worker, double time) {
  std::size_t place = leaves_ + worker;
  tree_[place] = time;
  for (place /= 2; place > 0; place /= 2) tree_[place] = std::min(tree_[2 * place], tree_[2 * place + 1]);
}

std::optional<std::uint32_t> EarliestWorkers::lowest_of_earliest() const {
  if (leaves_ == 0 || tree_[1] == std::numeric_limits<double>::infinity()) return std::nullopt;
  std::size_t place = 1;
  while (place < leaves_) place = tree_[2 * place] <= tree_[2 * place + 1] ? 2 * place : 2 * place + 1;
  return static_cast<std::uint32_t>(place - leaves_);
}

}  // namespace gradus
