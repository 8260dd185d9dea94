// What the scheduler is told of a rank whose loss ends the run.
//
// Knows: the order of the two facts.
// Unaware of: how the loss was noticed.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "gradus/scheduler.h"

namespace gradus {

/// The stop comes first: told of the loss alone, the scheduler would start that rank's steps elsewhere, and one that is
/// still there, of which only messages are lost, may run them yet.
inline std::array<Fact, 2> stopped_for_lost_rank(WorkerId rank, std::string why_stopped, std::string why_lost) {
  return {StopRequested{StopKind::cancel, std::move(why_stopped), 0}, WorkerLost{rank, std::move(why_lost)}};
}

}  // namespace gradus
