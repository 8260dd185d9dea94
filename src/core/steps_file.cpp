#include "gradus/steps_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/steps_reader.h"

namespace gradus {

StepsFormat steps_format(std::string_view file_name) {
  std::string ending(file_name.substr(std::min(file_name.size(), file_name.rfind('.'))));
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (ending == ".jsonl" || ending == ".ndjson") return StepsFormat::json_lines;
  if (ending == ".json") return StepsFormat::json_array;
  return StepsFormat::text;
}

StepsFile parse_steps(const std::string& file, std::shared_ptr<const std::string> text, StepsFormat format,
                      bool (*is_run_option)(std::string_view word)) {
  StepsReader reader(file);
  switch (format) {
    // Only commands of a text file stand in it as they are; what JSON says is stored unescaped.
    case StepsFormat::text: read_text_steps(reader, reader.builder().keep(text), is_run_option); break;
    case StepsFormat::json_lines: read_json_lines(reader, *text); break;
    case StepsFormat::json_array: read_json_array(reader, *text); break;
  }
  return reader.finish();
}

bool StepsReader::check_marks(std::string_view text, const std::function<Place(const UnknownMark&)>& place_of) {
  if (text.find("%(") == std::string_view::npos) return false;
  std::vector<UnknownMark> unknown;
  bool has_gpu = false;
  for (const auto& piece : split_marks(text, &unknown)) has_gpu = has_gpu || (piece.is_mark && is_gpu_mark(piece.mark));
  for (const auto& one : unknown) {
    const auto hint = one.nearest.empty() ? fmt::format("write %%({})s if it is meant literally", one.name)
                                          : fmt::format("did you mean %({})s?", one.nearest);
    mistake(place_of(one), fmt::format("unknown mark %({})s: {}", one.name, hint));
  }
  return has_gpu;
}

namespace {

bool has_host_file_mark(std::string_view text) {
  if (text.find("%(HOSTFILE)s") == std::string_view::npos) return false;
  const auto pieces = split_marks(text, nullptr);
  return std::any_of(pieces.begin(), pieces.end(),
                     [](const MarkPiece& piece) { return piece.is_mark && piece.mark == Mark::hostfile; });
}

bool names_host_file(const Step& step, const StepOptions& options) {
  return has_host_file_mark(step.command) || has_host_file_mark(options.cwd) ||
         std::any_of(options.env.begin(), options.env.end(),
                     [](const auto& variable) { return has_host_file_mark(variable.second); });
}

/// `command &`: a shell that does not wait.
bool is_put_into_background(std::string_view command) {
  const auto last = command.find_last_not_of(" \t");
  return last != std::string_view::npos && command[last] == '&' && (last == 0 || command[last - 1] != '&');
}

}  // namespace

StepIndex StepsReader::add(const StepDraft& draft, Step step, Place place) {
  if (step.has_gpu_mark && draft.options.gpus == 0U) {
    mistake(place, "gpus is 0, but the step has a GPU mark: remove one of them");
  }
  if (draft.options.nodes > 0 && draft.options.cpus > 0) {
    mistake(place, "a step with nodes takes those nodes whole: leave out cpus");
  }
  if (draft.options.nodes == 0 && names_host_file(step, draft.options)) {
    mistake(place, "%(HOSTFILE)s is for steps with nodes: say on how many");
  }
  if (!step.is_argv && is_put_into_background(step.command)) in_background_.note(place);
  if (!step.is_argv && step.command.starts_with("{\"")) like_json_.note(place);
  step.cost = draft.cost;
  step.line = place.line;
  step.options = builder_.intern(draft.options);
  return builder_.add(step);
}

void StepsReader::add_unreadable(std::string_view id, Place place) {
  Step step;
  step.id = id;
  add({}, step, place);
}

void StepsReader::warn(const char* what, const Noted& noted, const char* why) {
  if (noted.count == 0) return;
  const auto more = noted.count > 1 ? fmt::format(" (and {} more)", noted.count - 1) : "";
  result_.warnings.push_back({file_, noted.first.line, 0, fmt::format("{}{}: {}", what, more, why)});
}

StepsFile StepsReader::finish() {
  if (builder_.step_count() == 0 && result_.mistakes.empty()) mistake({}, "there are no steps in it");
  warn("the command ends in '&'", in_background_,
       "its shell does not wait for it, and what still runs when the shell ends is killed, while the step has "
       "succeeded; take the '&' away");
  warn("the command begins with '{\"'", like_json_,
       "it is given to a shell, as in plain text; steps in JSON are read from a file that is called .jsonl, .ndjson or "
       ".json");
  auto graph = is_cut_off_ ? nullptr : builder_.build(result_.mistakes);
  if (result_.mistakes.empty()) result_.graph = std::move(graph);
  // Some are found while reading, some only in the graph: shown in the order of the file.
  std::stable_sort(result_.mistakes.begin(), result_.mistakes.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.line < b.line; });
  return std::move(result_);
}

}  // namespace gradus
