#include "support/workloads.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "support/builders.h"

namespace gradus::support {
namespace {

double normal(Dice& dice) {
  const double radius = std::sqrt(-2 * std::log(1 - dice.unit()));
  return radius * std::cos(2 * std::numbers::pi * dice.unit());
}

double lognormal(Dice& dice, double median, double sigma) { return median * std::exp(sigma * normal(dice)); }

double draw_seconds(Spread spread, Dice& dice) {
  switch (spread) {
    case Spread::pareto: return std::min(1000.0, std::pow(1 - dice.unit(), -1 / 1.1));
    case Spread::lognormal: return lognormal(dice, 10, 1.5);
    case Spread::bimodal: return (dice.chance(0.1) ? 100 : 1) * (0.75 + 0.5 * dice.unit());
  }
  return 1;
}

const char* name_of(Spread spread) {
  switch (spread) {
    case Spread::pareto: return "Pareto";
    case Spread::lognormal: return "lognormal";
    case Spread::bimodal: return "bimodal";
  }
  return "?";
}

/// Letters alone: digits do not count in a command's shape.
std::string program_name(std::uint32_t program) {
  std::string name = "program-";
  for (; program >= 26; program /= 26) name += static_cast<char>('a' + program % 26);
  return name += static_cast<char>('a' + program);
}

StepIndex add(Workload& work, std::uint32_t program, double seconds, std::vector<StepIndex> needs = {}) {
  work.seconds.push_back(static_cast<float>(seconds));
  work.program.push_back(program);
  work.needs.push_back(std::move(needs));
  return static_cast<StepIndex>(work.seconds.size() - 1);
}

}  // namespace

std::shared_ptr<const Graph> Workload::graph(Knowledge knowledge) const {
  GraphBuilder builder(name);
  const auto options = builder.intern({});
  for (StepIndex i = 0; i < seconds.size(); ++i) {
    Step step;
    step.command = builder.store(program_name(program[i]) + " " + std::to_string(i));
    step.options = options;
    if (knowledge == Knowledge::known) step.cost = seconds[i];
    builder.add(step);
    for (const auto needed : needs[i]) builder.need(i, builder.store(std::to_string(needed + 1)), 0, 0);
  }
  Diagnostics mistakes;
  auto built = builder.build(mistakes);
  if (!built) throw std::logic_error(to_string(mistakes.front()));
  return built;
}

DurationModel Workload::model(Knowledge knowledge) const {
  DurationModel model;
  if (knowledge != Knowledge::learnt) return model;
  for (StepIndex i = 0; i < seconds.size(); ++i) {
    model.observe(command_shape(program_name(program[i]) + " " + std::to_string(i)), static_cast<double>(seconds[i]));
  }
  return model;
}

Workload independent(Spread spread, std::uint32_t steps, std::uint64_t seed) {
  Dice dice(seed);
  std::vector<double> drawn(steps);
  for (auto& seconds : drawn) seconds = draw_seconds(spread, dice);
  std::sort(drawn.begin(), drawn.end());
  std::vector<std::uint32_t> order(steps);
  std::iota(order.begin(), order.end(), 0U);
  for (std::uint32_t i = steps; i > 1; --i) std::swap(order[i - 1], order[dice.between(0, i - 1)]);
  Workload work{std::string(name_of(spread)), {}, {}, {}};
  for (const auto rank : order) {
    const auto program = spread == Spread::bimodal ? (drawn[rank] > 10 ? 1U : 0U) : rank * 16 / steps;
    add(work, program, drawn[rank]);
  }
  return work;
}

Workload layered(std::uint32_t layers, std::uint32_t width, std::uint64_t seed) {
  Dice dice(seed);
  Workload work{"layers", {}, {}, {}};
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    const double median = lognormal(dice, 10, 1);
    for (std::uint32_t i = 0; i < width; ++i) {
      std::vector<StepIndex> needs;
      for (std::uint32_t k = 0; layer > 0 && k < 3; ++k) {
        needs.push_back((layer - 1) * width + dice.between(0, width - 1));
      }
      add(work, layer, lognormal(dice, median, 0.5), std::move(needs));
    }
  }
  return work;
}

Workload diamonds(std::uint32_t lines, std::uint32_t length, std::uint32_t width, std::uint64_t seed) {
  Dice dice(seed);
  Workload work{"diamonds", {}, {}, {}};
  for (std::uint32_t line = 0; line < lines; ++line) {
    std::vector<StepIndex> last;
    for (std::uint32_t k = 0; k < length; ++k) {
      const auto top = add(work, 0, lognormal(dice, 2, 0.5), last);
      std::vector<StepIndex> middle;
      for (std::uint32_t i = 0; i < width; ++i) middle.push_back(add(work, 1, lognormal(dice, 10, 1), {top}));
      last = {add(work, 2, lognormal(dice, 4, 0.5), middle)};
    }
  }
  return work;
}

Workload montage(std::uint32_t images, std::uint64_t seed) {
  Dice dice(seed);
  Workload work{"Montage-like", {}, {}, {}};
  const auto some = [&](double median) { return lognormal(dice, median, 0.3); };
  std::vector<StepIndex> projected, fitted, corrected;
  for (std::uint32_t i = 0; i < images; ++i) projected.push_back(add(work, 0, some(13)));
  for (std::uint32_t i = 0; i < images; ++i) {
    for (const auto other : {i + 1, i + 2, i + images / 5 + 1}) {
      if (other < images) fitted.push_back(add(work, 1, some(10), {projected[i], projected[other]}));
    }
  }
  const auto concatenated = add(work, 2, 0.1 * images, fitted);
  const auto modelled = add(work, 3, 0.4 * images, {concatenated});
  for (const auto image : projected) corrected.push_back(add(work, 4, some(11), {modelled, image}));
  const auto listed = add(work, 5, 0.05 * images, corrected);
  const auto added = add(work, 6, 0.3 * images, {listed});
  const auto shrunk = add(work, 7, 0.05 * images, {added});
  add(work, 8, 1, {shrunk});
  return work;
}

Workload epigenomics(std::uint32_t lanes, std::uint32_t chunks, std::uint64_t seed) {
  Dice dice(seed);
  Workload work{"Epigenomics-like", {}, {}, {}};
  const auto some = [&](double median) { return lognormal(dice, median, 0.3); };
  std::vector<StepIndex> merged;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    const auto split = add(work, 0, some(35));
    std::vector<StepIndex> mapped;
    // Lanes differ in how much they hold.
    const auto here = dice.between(std::max(1U, chunks / 2), chunks * 3 / 2);
    for (std::uint32_t chunk = 0; chunk < here; ++chunk) {
      const auto filtered = add(work, 1, some(2.5), {split});
      const auto converted = add(work, 2, some(0.5), {filtered});
      const auto packed = add(work, 3, some(1.5), {converted});
      mapped.push_back(add(work, 4, some(200), {packed}));
    }
    merged.push_back(add(work, 5, some(10), mapped));
  }
  const auto all = add(work, 6, some(30), merged);
  const auto indexed = add(work, 7, some(45), {all});
  add(work, 8, some(55), {indexed});
  return work;
}

}  // namespace gradus::support
