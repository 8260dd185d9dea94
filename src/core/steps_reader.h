// What reading a steps file has in common, whatever its format.
//
// Knows: checking a step's texts for marks, adding it to the graph, collecting mistakes.
// Unaware of: the formats.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "core/step_options.h"
#include "gradus/marks.h"
#include "gradus/steps_file.h"

namespace gradus {

struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

class StepsReader {
 public:
  explicit StepsReader(const std::string& file) : file_(file), builder_(file) {}

  const std::string& file() const { return file_; }
  GraphBuilder& builder() { return builder_; }
  StepsFile& result() { return result_; }
  void mistake(Place place, std::string message) {
    result_.mistakes.push_back({file_, place.line, place.column, std::move(message)});
  }

  /// True when a GPU mark stands in `text`. A mark that nobody knows is a mistake; `place_of` tells where
  /// it stands in the file.
  bool check_marks(std::string_view text, const std::function<Place(const UnknownMark&)>& place_of);

  /// Adds a step whose command, id and creates are in the builder's keeping and whose marks are checked.
  StepIndex add(const StepDraft& draft, Step step, Place place);
  /// Holds the place of a step that cannot be understood, so that nobody who needs it, or counts the
  /// steps, is blamed for its mistake.
  void add_unreadable(std::string_view id, Place place);
  /// The rest of the file could not be read: what is missing in the graph is no mistake of its steps.
  void cut_off() { is_cut_off_ = true; }
  /// Builds the graph, if there was no mistake.
  StepsFile finish();

 private:
  /// What is told once, for the first of its kind.
  struct Noted {
    std::size_t count = 0;
    Place first;
    void note(Place place) {
      if (count++ == 0) first = place;
    }
  };
  void warn(const char* what, const Noted& noted, const char* why);

  std::string file_;
  GraphBuilder builder_;
  StepsFile result_;
  bool is_cut_off_ = false;
  Noted in_background_;  // commands that end in &
  Noted like_json_;      // commands that begin as an object does
};

void read_text_steps(StepsReader& reader, std::string_view text, bool (*is_run_option)(std::string_view word));
void read_json_lines(StepsReader& reader, const std::string& text);
void read_json_array(StepsReader& reader, const std::string& text);

}  // namespace gradus
