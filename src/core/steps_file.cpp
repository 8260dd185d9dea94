#include "gradus/steps_file.h"

#include <fmt/format.h>

#include "core/steps_reader.h"
#include "gradus/marks.h"

namespace gradus {

StepsFormat steps_format(std::string_view file_name) {
  if (file_name.ends_with(".jsonl")) return StepsFormat::json_lines;
  if (file_name.ends_with(".json")) return StepsFormat::json_array;
  return StepsFormat::text;
}

StepsFile parse_steps(const std::string& file, std::shared_ptr<const std::string> text, StepsFormat format,
                      bool (*is_run_option)(std::string_view word)) {
  StepsReader reader(file);
  reader.builder().keep(text);
  switch (format) {
    case StepsFormat::text: read_text_steps(reader, *text, is_run_option); break;
    case StepsFormat::json_lines: read_json_lines(reader, *text); break;
    case StepsFormat::json_array: read_json_array(reader, *text); break;
  }
  return reader.finish();
}

/// True when a GPU mark stands in `text`; unknown marks are mistakes.
bool StepsReader::check_marks(std::string_view text, std::uint32_t line, std::uint32_t column) {
  if (text.find("%(") == std::string_view::npos) return false;
  std::vector<UnknownMark> unknown;
  bool has_gpu = false;
  for (const auto& piece : split_marks(text, &unknown)) has_gpu = has_gpu || (piece.is_mark && is_gpu_mark(piece.mark));
  for (const auto& one : unknown) {
    const auto hint = one.nearest.empty() ? fmt::format("write %%({})s if it is meant literally", one.name)
                                          : fmt::format("did you mean %({})s?", one.nearest);
    const auto at = column > 0 ? column + static_cast<std::uint32_t>(one.offset) : 0;
    mistake(line, at, fmt::format("unknown mark %({})s: {}", one.name, hint));
  }
  return has_gpu;
}

StepIndex StepsReader::add(const StepDraft& draft, std::string_view id, std::string_view command, bool is_argv,
                           std::string_view creates, std::uint32_t line, std::uint32_t column) {
  Step step;
  step.id = id;
  step.command = command;
  step.creates = creates;
  step.cost = draft.cost;
  step.line = line;
  step.is_argv = is_argv;
  step.has_gpu_mark = check_marks(command, line, column);
  for (const auto& [name, value] : draft.options.env) step.has_gpu_mark |= check_marks(value, line, 0);
  step.has_gpu_mark |= check_marks(draft.options.cwd, line, 0);
  if (step.has_gpu_mark && draft.options.gpus == 0U) {
    mistake(line, 0, "gpus is 0, but the step has a GPU mark: remove one of them");
  }
  step.options = builder_.intern(draft.options);
  return builder_.add(step);
}

StepsFile StepsReader::finish() {
  if (builder_.step_count() == 0 && result_.mistakes.empty()) mistake(0, 0, "there are no steps in it");
  auto graph = builder_.build(result_.mistakes);
  if (result_.mistakes.empty()) result_.graph = std::move(graph);
  return std::move(result_);
}

}  // namespace gradus
