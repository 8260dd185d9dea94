// Graphs and workers from a few words, so that a test's input stands in the test.
//
// Knows: a tiny language for steps (`a; b after a gpus=2`) and one for slots (`0 1 -/4`).
// Unaware of: the scheduler, and the file formats users write (steps_file.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph.h"
#include "gradus/scheduler.h"
#include "sim/draws.h"

namespace gradus::support {

/// The words of `text`, split at any of `separators`; empty ones are left out.
std::vector<std::string> split(std::string_view text, std::string_view separators);
/// The numbers or words with a comma between.
std::string comma_joined(const std::vector<std::uint32_t>& numbers);

/// Steps separated by `;` or newline: `NAME [after A,B] [gpu] [gpus=K] [cpus=K] [nodes=N] [retries=N] [priority=N]
/// [cost=S] [timeout=S]`; `gpu` stands for a GPU mark in the command; `barrier` and `barrier=ended`
/// stand between steps. Throws std::invalid_argument that lists every mistake.
std::shared_ptr<const Graph> graph(std::string_view text);

/// Gives names to nodes and numbers to cores: each slot gets cores that no slot of its node has yet.
class Machine {
 public:
  /// Slots separated by blanks: the GPUs with commas between, or `-` for none, and how many cores after a
  /// slash (default 1): `0 1 -`, `0,1/4 -/8`. Equal GPU numbers on one node are the same GPU.
  WorkerShape worker(const std::string& node, std::string_view slots);
  const std::string& node_name(std::uint32_t node) const { return names_[node]; }

 private:
  std::map<std::string, std::uint32_t> nodes_;
  std::vector<std::string> names_;
  std::map<std::uint32_t, std::uint32_t> cores_used_;
};

/// The same words again.
std::string slots_text(const WorkerShape& shape);

/// A stream of draws for tests; equal seeds give equal streams on every machine.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t next() { return draw({seed_, ++count_}); }
  /// A number in low..high, both included.
  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return low + static_cast<std::uint32_t>(next() % (std::uint64_t{high} - low + 1));
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

}  // namespace gradus::support
