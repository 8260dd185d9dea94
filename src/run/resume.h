// Which steps of the present file need not run again.
//
// Knows: the rule of --resume. Unaware of: where the journal is and how a path is looked for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gradus/graph.h"
#include "run/journal_reader.h"

namespace gradus {

struct ResumePlan {
  std::vector<bool> succeeded_before;  ///< by step
  std::size_t kept = 0;                ///< how many of these
  std::size_t changed = 0;             ///< succeeded before, but the step is another now
  std::size_t outputs_missing = 0;     ///< succeeded before, but a path of `creates` is gone
  std::size_t behind_others = 0;       ///< succeeded before, but needs a step that runs again
  std::string in_words() const;
};

/// A step need not run when it has succeeded as it is now, all its `creates` exist (`exists` is asked with
/// paths as seen from where gradus was started), and the same holds for everything it needs.
ResumePlan plan_resume(const Graph& graph, const JournalStory& story, const std::function<bool(const std::string&)>& exists);

}  // namespace gradus
