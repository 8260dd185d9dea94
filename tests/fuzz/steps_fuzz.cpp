// Steps files, text and JSON: the first byte chooses the form.
#include "core/step_keys.h"
#include "fuzz.h"
#include "gradus/marks.h"
#include "gradus/steps_file.h"

using namespace gradus;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  constexpr StepsFormat formats[] = {StepsFormat::text, StepsFormat::json_lines, StepsFormat::json_array};
  const auto format = formats[bytes[0] % 3];
  const auto text = std::make_shared<const std::string>(fuzz::text(bytes + 1, size - 1));
  const auto file = parse_steps("f", text, format, [](std::string_view word) { return word == "--gpus"; });
  promise((file.graph != nullptr) == file.mistakes.empty(), "a graph or mistakes, never both or neither");
  for (const auto& mistake : file.mistakes) {
    promise(!mistake.message.empty() && !to_string(mistake).empty(), "a mistake is said in words");
  }
  if (file.graph == nullptr) return 0;
  const auto& graph = *file.graph;
  promise(step_keys(graph).size() == graph.step_count(), "a key for each step");
  for (StepIndex step = 0; step < graph.step_count(); ++step) {
    promise(!graph.step(step).command.empty(), "no step without a command");
    for (const auto needed : graph.needs(step)) {
      promise(needed < graph.node_count() && needed != step, "needs are steps, and not itself");
    }
    expand_marks(graph.step(step).command, [](Mark mark, bool) { return std::string(mark_name(mark)); });
  }
  return 0;
}
