// How long ranks may be silent, from one number.
//
// Knows: the relation of the times, so that two attempts of a step never run side by side.
// Unaware of: clocks, MPI, processes.
#pragma once

namespace gradus {

/// `lost_after_s` (L) is --lost-after. The master sends every worker a beat each L/6, as long as it has heard of it
/// within L/3; so a worker whose word does not come through hears nothing any more either. A worker that has had no
/// beat for L ends its steps (TERM, KILL after at most 2 s) and leaves; its guardian does so when the rank hangs. That
/// is at most L/3 + L/6 + L after its last word, so the master calls it lost, and starts its steps elsewhere, only
/// after 5L/3 and 5 s.
struct Silence {
  double lost_after_s = 60;

  double beat_every_s() const { return lost_after_s / 6; }
  double no_beat_to_silent_s() const { return lost_after_s / 3; }
  double worker_gives_up_s() const { return lost_after_s; }
  double guardian_gives_up_s() const { return lost_after_s; }
  double master_gives_up_s() const { return lost_after_s * 5 / 3 + 5; }
};

/// Seconds in which the one who listens was there to listen: time that a rank itself was away (a slow disk, a
/// suspended machine) is nobody's silence.
class ListeningClock {
 public:
  void look(double now) {
    const double gap = now - last_look_;
    if (last_look_ >= 0) listened_ += gap < longest_gap_s ? gap : longest_gap_s;
    last_look_ = now;
  }
  double listened_s() const { return listened_; }

 private:
  static constexpr double longest_gap_s = 0.25;
  double last_look_ = -1;
  double listened_ = 0;
};

}  // namespace gradus
