// How many messages the master and a worker have sent each other: what was lost on the way is noticed.
//
// Knows: what is counted, what a beat tells of it, what counts that differ mean.
// Unaware of: MPI, when beats are sent (core/silence.h), what follows from a loss (core/lost_rank.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gradus {

/// Both ways and again and again: I live. How often, and to whom no more: core/silence.h. The counts say before the
/// beat, which nothing sent earlier comes after (MPI keeps the order): so a message that was lost is noticed.
struct Beat {
  std::uint64_t sent = 0;      ///< master: orders and kill orders to that worker; worker: ends
  std::uint64_t received = 0;  ///< worker: orders and kill orders
  std::uint64_t told = 0;      ///< worker: how many the master's latest beat said that there were
  bool operator==(const Beat&) const = default;
};

/// The master's side, of one worker.
class MasterCounts {
 public:
  void send_order() { ++sent_; }  ///< a kill order, too
  void hear_end() { ++heard_; }   ///< also one that nothing waited for
  Beat beat() const { return {sent_, 0, 0}; }
  /// What that worker's beat shows to be lost, for a person; empty: nothing. A worker that tells more than it can know
  /// (of orders that were never sent) tells nothing.
  std::string lost(const Beat& of_worker) const;

 private:
  std::uint64_t sent_ = 0, heard_ = 0;
};

/// The worker's side.
class WorkerCounts {
 public:
  void hear_order() { ++beat_.received; }  ///< a kill order, too
  void send_ends(std::size_t count) { beat_.sent += count; }
  void hear_beat(const Beat& of_master) { beat_.told = of_master.sent; }
  const Beat& beat() const { return beat_; }

 private:
  Beat beat_;
};

}  // namespace gradus
