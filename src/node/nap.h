// How long a rank sleeps between two looks at its post.
//
// Knows: when there was traffic last. Unaware of: MPI, bells, what the post brings.
#pragma once

#include <algorithm>

namespace gradus {

/// A share of the time since the last traffic: so the delay is a bounded share of the step that was waited for, and
/// waiting costs next to nothing. Moments are seconds on one clock. Figures are in src/DESIGN.md.
class Nap {
 public:
  void traffic(double now) { last_ = now; }

  /// `is_rung`: whoever may have something for us wakes us (node/doorbell.h), and this is only in case that fails, or a
  /// letter comes in several parts. Each look takes time from a step where steps keep all cores busy, and from our
  /// claim to run at once when it matters: with 1/8 from 20 us on, as it was, there were 54 of them in a step of 50 ms.
  double length(double now, bool is_rung) const {
    const double since = now - last_;
    // Longer ones would not be noticed as time spent listening (ListeningClock).
    return is_rung ? std::clamp(since / 2, 50e-6, 200e-3) : std::clamp(since / 32, 20e-6, 50e-3);
  }

 private:
  double last_ = 0;
};

}  // namespace gradus
