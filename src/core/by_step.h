// Values of a few of many steps, found without searching and kept side by side.
//
// Knows: how to find, add, take out and walk. Unaware of: what the values are.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "gradus/graph.h"

namespace gradus {

/// As a map from steps, for steps below the number given to make_room(): four bytes for each of them. With 100,000
/// values a hash map's nodes lie so far apart that each look into it waits for memory several times. Taking one out
/// moves another into its place: references and the order of a walk change.
template <class Value>
class ByStep {
 public:
  using Entry = std::pair<StepIndex, Value>;
  using iterator = typename std::vector<Entry>::iterator;
  using const_iterator = typename std::vector<Entry>::const_iterator;

  void make_room(std::size_t steps) { places_.assign(steps, nowhere); }

  bool empty() const { return entries_.empty(); }
  bool contains(StepIndex step) const { return step < places_.size() && places_[step] != nowhere; }
  iterator find(StepIndex step) { return contains(step) ? entries_.begin() + places_[step] : entries_.end(); }
  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

  /// The step's value, a new one when it has none; references to others end then.
  Value& operator[](StepIndex step) {
    auto& place = places_.at(step);
    if (place == nowhere) {
      place = static_cast<std::uint32_t>(entries_.size());
      entries_.emplace_back(step, Value());
    }
    return entries_[place].second;
  }
  /// Of a step that has one.
  Value& at(StepIndex step) { return entries_.at(places_.at(step)).second; }
  const Value& at(StepIndex step) const { return entries_.at(places_.at(step)).second; }
  /// Ends every iterator.
  void erase(iterator it) {
    places_[it->first] = nowhere;
    if (it + 1 != entries_.end()) {
      *it = std::move(entries_.back());
      places_[it->first] = static_cast<std::uint32_t>(it - entries_.begin());
    }
    entries_.pop_back();
  }
  void erase(StepIndex step) {
    if (const auto it = find(step); it != end()) erase(it);
  }

 private:
  static constexpr std::uint32_t nowhere = 0xffffffffU;
  std::vector<std::uint32_t> places_;  // by step: an index into entries_
  std::vector<Entry> entries_;
};

}  // namespace gradus
