// What reading a steps file has in common, whatever its format.
//
// Knows: checking a step's texts for marks, adding it to the graph, collecting mistakes.
// Unaware of: the formats.
#pragma once

#include <string>

#include "core/step_options.h"
#include "gradus/steps_file.h"

namespace gradus {

class StepsReader {
 public:
  explicit StepsReader(const std::string& file) : file_(file), builder_(file) {}

  const std::string& file() const { return file_; }
  GraphBuilder& builder() { return builder_; }
  void mistake(std::uint32_t line, std::uint32_t column, std::string message) {
    result_.mistakes.push_back({file_, line, column, std::move(message)});
  }
  StepsFile& result() { return result_; }

  /// Adds a step whose command, id and creates are in the builder's keeping. `column` is where the
  /// command begins in its line; 0 when that is not known.
  StepIndex add(const StepDraft& draft, std::string_view id, std::string_view command, bool is_argv,
                std::string_view creates, std::uint32_t line, std::uint32_t column);
  /// Builds the graph, if there was no mistake.
  StepsFile finish();

 private:
  bool check_marks(std::string_view text, std::uint32_t line, std::uint32_t column);

  std::string file_;
  GraphBuilder builder_;
  StepsFile result_;
};

void read_text_steps(StepsReader& reader, std::string_view text, bool (*is_run_option)(std::string_view word));
void read_json_lines(StepsReader& reader, const std::string& text);
void read_json_array(StepsReader& reader, const std::string& text);

}  // namespace gradus
