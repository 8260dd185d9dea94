// For one demand, which worker is expected to have slots for it first, kept up to date worker by worker.
//
// Knows: a time for each worker, and which of them may have changed.
// Unaware of: slots, demands, and how such a time comes about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace gradus {

class EarliestWorkers {
 public:
  /// What was known of this worker may no longer hold.
  void touch(std::uint32_t worker) {
    if (worker >= is_touched_.size() || is_touched_[worker]) return;
    is_touched_[worker] = true;
    touched_.push_back(worker);
  }

  /// The worker with the earliest time, of several the lowest; nullopt when all are infinite. `time_of` is asked for
  /// touched and new workers only.
  template <class TimeOf>
  std::optional<std::uint32_t> first(std::size_t workers, const TimeOf& time_of) {
    if (workers > leaves_) make_room(workers);
    for (; known_ < workers; ++known_) touch(static_cast<std::uint32_t>(known_));
    for (const auto worker : touched_) {
      is_touched_[worker] = false;
      set(worker, time_of(worker));
    }
    touched_.clear();
    return lowest_of_earliest();
  }

  /// For checks: of a worker that was not touched since.
  std::optional<double> known(std::uint32_t worker) const {
    if (worker >= known_ || is_touched_[worker]) return std::nullopt;
    return tree_[leaves_ + worker];
  }

 private:
  void make_room(std::size_t workers);
  void set(std::uint32_t worker, double time);
  std::optional<std::uint32_t> lowest_of_earliest() const;

  // A tournament: the leaves are the workers' times, each inner place the smaller of the two below it.
  std::vector<double> tree_;
  std::size_t leaves_ = 0;
  std::size_t known_ = 0;
  std::vector<std::uint32_t> touched_;
  std::vector<bool> is_touched_;
};

}  // namespace gradus
