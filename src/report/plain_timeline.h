// The timeline and the use of slots as SVG: for paper, for browsers without scripts, for builds without a library.
//
// Knows: SVG, what can be seen at its size. Unaware of: zooming, clicking.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace gradus::html {

/// A lane per slot, grouped by node. Its size does not grow with the number of attempts: what falls into one of some
/// 900 columns of a lane is drawn as one, a failure before all else.
std::string plain_timeline(const nlohmann::json& report);

/// Busy share of GPU and CPU slots over time.
std::string plain_use(const nlohmann::json& report);

}  // namespace gradus::html
