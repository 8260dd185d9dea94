// A run in the Chrome trace event format, which Perfetto and chrome://tracing open.
//
// Knows: the format; nodes are processes, slots threads, attempts slices, needs arrows. Unaware of: files.
#pragma once

#include <functional>
#include <string_view>

#include "report/run_story.h"

namespace gradus {

/// Takes the next piece of the text.
using TraceOutput = std::function<void(std::string_view text)>;

/// Writes it piece by piece; of each attempt only its begin and end are kept. Times are run seconds.
void write_trace(const RunStory& story, const TraceOutput& output);

}  // namespace gradus
