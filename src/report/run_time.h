// The time axis of a run: seconds since its first life began, with the pauses between lives cut out.
//
// Knows: when each life began and ended. Unaware of: what happened in them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "run/chronicle.h"

namespace gradus {

class RunTime {
 public:
  /// `now`: seconds since the Unix epoch, until which the last life goes on; absent: it is over, or broken off.
  explicit RunTime(const Chronicle& chronicle, std::optional<double> now = {});

  /// Run seconds of a moment in a life; what lies outside of the life counts as its begin or end.
  double at(std::uint32_t life, double epoch_s) const;
  double begin(std::uint32_t life) const { return lives_[life].begin; }
  double end(std::uint32_t life) const { return lives_[life].begin + lives_[life].seconds; }
  double length() const { return lives_.empty() ? 0 : lives_.back().begin + lives_.back().seconds; }
  std::uint32_t lives() const { return static_cast<std::uint32_t>(lives_.size()); }
  /// When a life ended (or `now`), seconds since the Unix epoch.
  double epoch_end(std::uint32_t life) const { return lives_[life].epoch + lives_[life].seconds; }

 private:
  struct Life {
    double epoch = 0;  ///< of its begin
    double begin = 0, seconds = 0;
  };
  std::vector<Life> lives_;
};

}  // namespace gradus
