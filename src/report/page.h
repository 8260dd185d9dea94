// The page that shows a run's report.
//
// Knows: HTML. Unaware of: how the report was made (report_json.h).
#pragma once

#include <string>

namespace gradus {

/// One self-contained HTML page; `json` is what report_json() gives.
std::string report_page(const std::string& json);

}  // namespace gradus
