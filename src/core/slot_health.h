// Which slots are bad: a GPU that fails every step it gets eats a queue faster than ten good ones work it off.
//
// Knows: how attempts ended on each slot, by shape of command.
// Unaware of: what becomes of a bad slot, retries, time.
//
// The rule. A slot is suspect when steps have failed there one after the other: at least `least` of them, no success
// between, none of them a step that has failed elsewhere too (then it is the step). A suspect is bad when that is
// hardly chance: with f failures and s successes of steps of the same shapes on slots that are not suspect, s > 0,
// ((f + 1) / (f + s + 2)) ^ length < 1/1000. So three failures in a row need about eight successes elsewhere, and
// where every third step fails anyway, a slot must have failed seven in a row.
//
// Before so many steps of those shapes have ended elsewhere that this could be said, evidence is lacking. Where steps
// take ten minutes and a bad GPU fails them in ten milliseconds, it would have eaten the whole queue by then: the
// scheduler gives such a suspect nothing meanwhile (core/suspects.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "gradus/graph.h"

namespace gradus {

class SlotHealth {
 public:
  using Slot = std::uint64_t;

  /// `least`: 0 switches it off.
  explicit SlotHealth(std::uint32_t least) : least_(least) {}

  void succeeded(Slot slot, std::uint64_t shape);
  /// `failed_elsewhere`: slots on which the step has failed before.
  void failed(Slot slot, std::uint64_t shape, StepIndex step, const std::vector<Slot>& failed_elsewhere);
  /// Suspects that are bad by now, ascending. Call it after each end.
  std::vector<Slot> bad() const;
  /// The steps that have failed there one after the other.
  std::vector<StepIndex> streak(Slot slot) const;
  const std::set<Slot>& suspects() const { return suspects_; }
  /// Of a suspect: however the steps had ended elsewhere, there were too few to tell.
  bool lacks_evidence(Slot suspect) const;
  /// Of the steps that have failed there one after the other.
  std::set<std::uint64_t> streak_shapes(Slot slot) const;
  std::size_t streak_length(Slot slot) const {
    const auto it = slots_.find(slot);
    return it == slots_.end() ? 0 : it->second.streak.size();
  }
  /// It is out of use, or its worker is lost: what happened there counts no more.
  void forget(Slot slot);

 private:
  struct Count {
    std::uint64_t succeeded = 0, failed = 0;
  };
  struct Failure {
    StepIndex step;
    std::uint64_t shape;
  };
  struct Record {
    std::map<std::uint64_t, Count> by_shape;
    std::vector<Failure> streak;
  };

  bool is_suspect(const Record& record) const { return least_ > 0 && record.streak.size() >= least_; }
  bool is_bad(const Record& record) const;
  Count elsewhere(const Record& record) const;
  void take_back(Slot slot, StepIndex step);

  std::uint32_t least_;
  std::unordered_map<Slot, Record> slots_;
  std::unordered_map<std::uint64_t, Count> shapes_;
  std::set<Slot> suspects_;
};

}  // namespace gradus
