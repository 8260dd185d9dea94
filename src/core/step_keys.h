// How a step is known again in a later life of the same steps file.
//
// Knows: the rule that makes keys and digests. Unaware of: journals.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph.h"

namespace gradus {

struct StepKey {
  /// Which step: its explicit id, else its command and the how-manieth step with that command it is, so
  /// that a line inserted above changes nothing.
  std::uint64_t key = 0;
  /// What it does: command, argv, env, cwd and the keys of what it needs (barriers left out). The
  /// environment itself is never stored, only this digest.
  std::uint64_t digest = 0;
};

/// One for each step, by index. XXH3 (64 bits), whose values are stable between versions and machines.
std::vector<StepKey> step_keys(const Graph& graph);
/// StepKey::key of one step, without those of all others.
std::uint64_t key_of_step(const Graph& graph, StepIndex step);

}  // namespace gradus
