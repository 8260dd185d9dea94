// When and where each attempt held which lanes, without overlaps.
//
// Knows: the clocks' doubts (an end before its begin, two attempts at once in a slot), and resolves them.
// Unaware of: steps, what came of it.
#pragma once

#include <cstdint>
#include <vector>

#include "report/lanes.h"
#include "run/chronicle.h"

namespace gradus {

/// An attempt in its first lane, in run seconds.
struct Span {
  double begin = 0, end = 0;
  LaneIndex lane = no_lane;
  double seconds() const { return end - begin; }
};

class Spans {
 public:
  Spans(const Chronicle& chronicle, const Lanes& lanes, const RunTime& time);

  const Span& of(std::size_t attempt) const { return spans_[attempt]; }
  std::size_t size() const { return spans_.size(); }
  /// All lanes that the attempt held, its first one first; none when the journal does not know its place.
  std::vector<LaneIndex> lanes(std::size_t attempt) const;
  /// Attempts by begin, also those that held the lane as one of several; those that never began are left out.
  const std::vector<std::uint32_t>& in_lane(LaneIndex lane) const { return by_lane_[lane]; }
  /// Of the attempt with the latest end; size() when there is none.
  std::size_t last() const { return last_; }

 private:
  void place(std::size_t attempt, const RunTime& time, std::vector<double>& free_since);

  const Chronicle& chronicle_;
  const Lanes& lanes_;
  std::vector<Span> spans_;
  std::vector<std::vector<std::uint32_t>> by_lane_;
  std::size_t last_ = 0;
};

/// How an attempt is shown: an OutcomeKind, or one of these.
inline constexpr std::uint8_t still_running = static_cast<std::uint8_t>(OutcomeKind::cancelled) + 1;
inline constexpr std::uint8_t cut_off = still_running + 1;  ///< its end is not known
/// `is_broken_off`: its run, which then never tells more of it.
std::uint8_t shown_outcome(const AttemptRow& row, bool is_broken_off);
/// The word for it, as in the journal; `running`, `cut_off`.
const char* shown_outcome_word(std::uint8_t outcome);
/// Whether it is one that a person should see: neither success, nor running, nor called back.
bool is_trouble(std::uint8_t outcome);
/// In words, without what is peculiar to this one attempt.
std::string cause_in_words(const Chronicle& chronicle, std::size_t attempt, bool is_broken_off);
/// … and with it.
std::string attempt_in_words(const Chronicle& chronicle, std::size_t attempt, bool is_broken_off);

}  // namespace gradus
