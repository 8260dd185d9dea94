// What to do next time, in words.
//
// Knows: which findings are worth a sentence, and how to say them. Unaware of: how they were found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/critical_path.h"
#include "report/failures.h"
#include "report/gpu_figures.h"
#include "report/lost_time.h"
#include "report/node_table.h"
#include "report/run_story.h"
#include "report/run_tail.h"

namespace gradus {

struct Advice {
  std::string what, why;
};

/// What the parts of the report found.
struct Findings {
  LostTime lost_time;
  std::optional<RunTail> tail;
  std::vector<CriticalLink> critical_path;
  std::vector<BadPlace> bad_places;
  NodeTable nodes;
  GpuFigures gpus;
};

std::vector<Advice> advice_of(const RunStory& story, const Findings& findings);

}  // namespace gradus
