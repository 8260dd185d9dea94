// Hand-made journals: what happened, in a few words, read into a Chronicle.
//
// Knows: the forms of the journal's records. Unaware of: what is made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gradus/graph.h"
#include "run/chronicle.h"

namespace gradus::support {

/// Times are seconds since `epoch`. Steps are named by their ordinals; each call writes a sealed line, which is read at
/// once.
class TestJournal {
 public:
  static constexpr double epoch = 1700000000;

  /// `graph`: so that keys are those of its steps; without one, keys are the ordinals.
  explicit TestJournal(std::shared_ptr<const Graph> graph = nullptr);

  TestJournal& life(double t, std::uint32_t steps = 0);
  /// Slots separated by blanks: a GPU's name, or `-`. They are numbered on from those before.
  TestJournal& worker(std::uint32_t worker, const std::string& host, const std::string& slots);
  /// Succeeded in an earlier life: first and last ordinals.
  TestJournal& kept(const std::vector<std::uint32_t>& ranges);
  TestJournal& launch(std::uint32_t step, double t, std::uint32_t worker, const std::vector<std::uint32_t>& slots,
                      std::uint32_t attempt = 1, const std::string& more = "");
  /// `outcome`: a word of the journal; it is final unless `again`.
  TestJournal& end(std::uint32_t step, double start, double stop, const std::string& outcome = "succeeded",
                   bool again = false, const std::string& more = "");
  /// launch() and end() of a step on a slot of worker 0.
  TestJournal& ran(std::uint32_t step, std::uint32_t slot, double start, double stop,
                   const std::string& outcome = "succeeded");
  TestJournal& lost(std::uint32_t step, double t);
  TestJournal& gone(std::uint32_t worker, double t, const std::string& why);
  TestJournal& quarantined(std::uint32_t slot, std::uint32_t worker, double t, std::uint32_t failures);
  TestJournal& skipped(std::uint32_t step, std::uint32_t because, double t);
  TestJournal& stop(const std::string& kind, double t, const std::string& why);
  TestJournal& over(double t, int exit_code = 0, std::uint32_t waiting = 0);

  const Chronicle& chronicle() const { return chronicle_; }
  const Graph* graph() const { return graph_.get(); }
  const std::shared_ptr<const Graph>& shared_graph() const { return graph_; }

 private:
  struct Live {
    std::uint32_t attempt = 0, worker = 0;
  };
  TestJournal& line(std::string record);
  std::string key(std::uint32_t step) const;
  std::string id(std::uint32_t step) const;

  std::shared_ptr<const Graph> graph_;
  Chronicle chronicle_;
  JournalRecords records_;
  std::unordered_map<std::uint32_t, Live> live_;
  std::uint32_t slots_ = 0;
  std::unordered_map<std::string, std::uint32_t> nodes_;
};

}  // namespace gradus::support
