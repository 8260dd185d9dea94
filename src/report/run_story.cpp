#include "report/run_story.h"

#include "core/order.h"

namespace gradus {

std::string RunStory::command(std::uint32_t step) const {
  const auto index = steps.in_graph(step);
  if (index == no_step) return "";
  return command_line(*graph, index);
}

}  // namespace gradus
