// Which steps the page can tell everything about.
//
// Knows: the order in which steps are worth it, and when it becomes too much. Unaware of: how it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "report/run_story.h"

namespace gradus {

/// Collects steps, each once, in the order in which they are offered, until it has `most`.
class SelectedSteps {
 public:
  SelectedSteps(const RunStory& story, std::size_t most) : story_(story), is_in_(story.steps.size()), most_(most) {}

  void add(std::uint32_t step) {
    if (is_in_[step] || steps_.size() >= most_) return;
    is_in_[step] = true;
    steps_.push_back(step);
  }
  void add_attempt(std::size_t attempt) { add(story_.steps.of_attempt(attempt)); }
  const std::vector<std::uint32_t>& steps() const { return steps_; }

 private:
  const RunStory& story_;
  std::vector<bool> is_in_;
  std::vector<std::uint32_t> steps_;
  std::size_t most_;
};

}  // namespace gradus
