// Marks in commands: nothing of the text is lost or doubled.
#include <string>

#include "core/printable.h"
#include "fuzz.h"
#include "gradus/attempt.h"
#include "gradus/marks.h"

using namespace gradus;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text(bytes, size);
  std::vector<UnknownMark> unknown;
  std::size_t literals = 0, marks = 0;
  for (const auto& piece : split_marks(text, &unknown)) {
    if (piece.is_mark) {
      marks += std::string_view("%()s").size() + std::string_view(mark_name(piece.mark)).size();
    } else {
      literals += piece.literal.size();
      promise(piece.literal.empty() || (piece.literal.data() >= text.data() &&
                                        piece.literal.data() + piece.literal.size() <= text.data() + text.size()),
              "literals point into the text");
    }
  }
  for (const auto& one : unknown) promise(one.offset < text.size() && text[one.offset] == '%', "an offset at its %");
  // `%%(` becomes `%(`: a byte less for each.
  promise(literals + marks <= text.size(), "nothing doubled");
  std::size_t escapes = 0;
  for (std::size_t at = 0; (at = text.find("%%(", at)) != std::string_view::npos; at += 2) ++escapes;
  promise(literals + marks + escapes + 2 * text.size() / 3 >= text.size(), "nothing lost");
  const auto expanded = expand_marks(text, [](Mark, bool) { return std::string("7"); });
  promise(marks > 0 || expanded.size() + escapes >= text.size(), "without marks the text stays");
  runs_without_shell(text);
  for (const char c : printable(text)) {
    promise(static_cast<unsigned char>(c) >= ' ' && c != 0x7f, "printable text has no control characters");
  }
  return 0;
}
