// Which steps of the present file need not run again.
//
// Knows: the rule of --resume, and which step of the present file an earlier duration belongs to. Unaware of: where the
// journal is and how a path is looked for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gradus/durations.h"
#include "gradus/graph.h"
#include "run/journal_reader.h"

namespace gradus {

struct ResumePlan {
  std::vector<bool> succeeded_before;  ///< by step
  std::size_t kept = 0;                ///< how many of these
  std::size_t changed = 0;             ///< succeeded before, but the step is another now
  std::size_t outputs_missing = 0;     ///< succeeded before, but a path of `creates` is gone
  std::size_t behind_others = 0;       ///< succeeded before, but needs a step that runs again
  bool is_reordered = false;           ///< one that was started had another ordinal, by which its output is called
  std::string in_words() const;
};

/// Whether something is at a path, as seen from where gradus was started.
using PathExists = std::function<bool(const std::string& path)>;

/// A step need not run when it has succeeded as it is now, all its `creates` exist, and the same holds for
/// everything it needs, also through barriers. `run_dir` is what the mark RUN_DIR stands for in a `cwd`;
/// relative `creates` below a `cwd` that holds a mark of the attempt (GPU, RANK, …) cannot be looked for.
/// `aside`: the outputs of lives up to that one have been put aside already.
ResumePlan plan_resume(const Graph& graph, const JournalStory& story, const PathExists& exists,
                       const std::string& run_dir = {}, std::uint32_t aside = 0);

/// What earlier lives tell of how long steps take. Steps are known by their keys there; what they do now has the same
/// shape.
struct EarlierDurations {
  DurationModel model;
  std::vector<double> of_step;  ///< seconds, by step; negative: it has not succeeded yet. Empty: none has
};
EarlierDurations earlier_durations(const Graph& graph, const JournalStory& story);

}  // namespace gradus
