// Graphs and durations like those of real work, drawn from a seed.
//
// Knows: shapes of workflows, distributions of durations, what a user (or an earlier life) may know of them.
// Unaware of: slots and schedulers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gradus/durations.h"
#include "gradus/graph.h"

namespace gradus::support {

/// What is known of durations before the run.
enum class Knowledge : std::uint8_t {
  known,   ///< each step's cost is what it takes
  learnt,  ///< no costs, but earlier steps of the same programs were seen
  unknown  ///< nothing
};

struct Workload {
  std::string name;
  std::vector<float> seconds;          ///< what each step takes
  std::vector<std::uint32_t> program;  ///< of each step; a program's steps have one shape of command
  std::vector<std::vector<StepIndex>> needs;

  /// What a scheduler would be given.
  std::shared_ptr<const Graph> graph(Knowledge knowledge) const;
  /// What an earlier life would have left: every program seen many times. Empty unless `learnt`.
  DurationModel model(Knowledge knowledge) const;
};

enum class Spread : std::uint8_t {
  pareto,     ///< exponent 1.1 from 1 s, cut at 1,000 s
  lognormal,  ///< median 10 s, sigma 1.5
  bimodal     ///< nine of ten take 1 s, the others 100 s, each within a quarter
};
/// Independent steps in random order. Sixteen programs share the range of durations (two when bimodal), so that the
/// program tells a part of the duration.
Workload independent(Spread spread, std::uint32_t steps, std::uint64_t seed);

/// `layers` times `width` steps; each needs up to three of the layer before. Durations are lognormal, by the layer's
/// program.
Workload layered(std::uint32_t layers, std::uint32_t width, std::uint64_t seed);
/// `lines` chains of `length` diamonds: one step, `width` beside each other that need it, one that needs them.
Workload diamonds(std::uint32_t lines, std::uint32_t length, std::uint32_t width, std::uint64_t seed);
/// As Montage makes a mosaic of so many images: project each, fit overlapping pairs, one model of all, correct each,
/// add up.
Workload montage(std::uint32_t images, std::uint64_t seed);
/// As the Epigenomics pipeline: lanes that are split into chunks, four steps a chunk of which the last is long, merged
/// by lane, then all.
Workload epigenomics(std::uint32_t lanes, std::uint32_t chunks, std::uint64_t seed);

}  // namespace gradus::support
