// The lanes of a timeline: one for each slot, the same in all lives that had it.
//
// Knows: which slots workers had, and since when until when. Unaware of: attempts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/run_time.h"
#include "run/chronicle.h"

namespace gradus {

using LaneIndex = std::uint32_t;
inline constexpr LaneIndex no_lane = 0xffffffffU;

/// A slot of a host. Slot, rank and thread are those of the latest life that had it.
struct Lane {
  std::uint32_t node = 0;  ///< index into Lanes::hosts()
  std::uint32_t slot = 0, rank = 0, thread = 0;
  std::vector<std::string> gpus;  ///< identities
  std::vector<std::uint32_t> cores;
  bool has_gpu() const { return !gpus.empty(); }
};

/// A lane in one life, in run seconds.
struct LanePresence {
  std::uint32_t life = 0;
  LaneIndex lane = 0;
  double since = 0, until = 0;       ///< from when its worker joined until it was lost or the life ended
  bool is_lost = false;              ///< its worker was lost at `until`
  std::optional<double> quarantine;  ///< since when it was given nothing more
};

class Lanes {
 public:
  Lanes(const Chronicle& chronicle, const RunTime& time);

  const std::vector<Lane>& all() const { return lanes_; }  ///< by node, then slot
  const std::vector<std::string>& hosts() const { return hosts_; }
  const std::vector<LanePresence>& presences() const { return presences_; }
  /// Of a worker's slot by its index within the worker; no_lane when the journal does not know it.
  LaneIndex of(std::uint32_t life, std::uint32_t worker, std::uint32_t slot) const;
  /// Of all slots of a worker.
  std::vector<LaneIndex> of_worker(std::uint32_t life, std::uint32_t worker) const;
  /// Of a slot by its global number.
  LaneIndex of_slot(std::uint32_t life, std::uint32_t worker, std::uint32_t global_slot) const;
  bool any_gpu() const;

  /// `h2 slot 3 GPU-…`, or `an unknown place`.
  std::string place(LaneIndex lane) const;
  /// `slot 3 on h2 with GPU-…`.
  std::string place_in_words(LaneIndex lane) const;

 private:
  using Sorted = std::vector<std::size_t>;
  std::uint32_t node_of(const std::string& host);
  void add(std::uint32_t life, const LifeStory::Worker& worker, const RunTime& time);
  void sort();
  void quarantine(std::uint32_t life, const LifeStory::Quarantine& bad, const RunTime& time);

  std::vector<Lane> lanes_;
  std::vector<std::string> hosts_;
  std::vector<LanePresence> presences_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<LaneIndex>> of_worker_;  // by life and worker
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> slots_;  // … the global numbers
  std::map<std::string, LaneIndex> known_;     // by host, GPUs and the how-manieth such
  std::map<std::string, std::uint32_t> seen_;  // within the life that is being added
  std::map<std::string, std::uint32_t> host_known_;
};

}  // namespace gradus
