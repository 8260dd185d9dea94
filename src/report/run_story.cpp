#include "report/run_story.h"

#include <algorithm>

namespace gradus {

std::string RunStory::command(std::uint32_t step) const {
  const auto index = steps.in_graph(step);
  if (index == no_step) return "";
  std::string text(graph->step(index).command);
  if (graph->step(index).is_argv && !text.empty()) text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

}  // namespace gradus
