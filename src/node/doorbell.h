// How processes of one run on one machine wake each other.
//
// Knows: datagrams between sockets with abstract names (unix(7)), which are there as long as their process.
// Unaware of: MPI, what there is to tell. A ring says only "look": whoever it does not reach looks by itself, later.
//
// Why: MPI can only be asked again and again whether something has arrived. Between two looks a rank sleeps, and what
// arrives meanwhile waits for half of that on the mean; a shorter sleep costs processor time. Ranks on other machines,
// or in another network namespace, are never heard here and have to be looked for as before.
// Anybody on the machine who finds out the name can ring. That costs a look and changes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

namespace gradus {

class Doorbell {
 public:
  /// `run`: the same for all of a run and for no others; `number`: ours among them. Where there can be no such socket,
  /// this is a bell that nobody rings.
  Doorbell(const std::string& run, std::uint32_t number);
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  /// Wakes the process with that number if it is on this machine. Never blocks. False when it was not told who rang: it
  /// is not there, or is awake anyway with more rings before it than there is room for (net.unix.max_dgram_qlen, 10).
  bool ring(std::uint32_t number) const;
  /// Readable when somebody has rung; -1 where nobody can.
  int fd() const { return fd_; }
  /// Makes fd() unreadable; true when somebody had rung. Whoever is not known yet is rung back, and known when that
  /// went through: so whoever is known knows us, or will as soon as it answers.
  bool answer();
  /// True when that process has rung: it can reach us, and we it.
  bool knows(std::uint32_t number) const { return known_.contains(number); }
  /// How many knows() is true for.
  std::size_t known() const { return known_.size(); }

 private:
  int fd_ = -1;
  std::string run_;
  std::uint32_t number_;
  std::unordered_set<std::uint32_t> known_;
};

}  // namespace gradus
