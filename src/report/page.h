// The page that shows a run's report.
//
// Knows: HTML. Unaware of: how the report was made (report_json.h).
#pragma once

#include <string>

#include "report/page_parts.h"

namespace gradus {

/// One self-contained HTML page, which needs no network; `json` is what report_json() gives. Everything in it can be
/// read without scripts. It is drawn with `library`; without one it has a plain timeline and says how to get the other.
std::string report_page(const std::string& json, const PlotLibrary& library);

/// … with the library that was compiled in.
std::string report_page(const std::string& json);

}  // namespace gradus
