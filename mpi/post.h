// The post between ranks: batches of messages, point to point, never blocking.
//
// Knows: non-blocking sends and matched probes on one tag.
// Unaware of: what the messages mean, naps, slots.
//
// Why Isend and Improbe only: a blocking receive spins a whole core, and a send to a rank that is gone
// never reports an error in Open MPI 4.1.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "core/wire.h"

namespace gradus {

class Post {
 public:
  struct Letter {
    std::uint32_t from = 0;
    std::vector<Message> messages;
    bool is_whole = true;  ///< false: bytes that are no message stood behind what could be read
  };

  Post();
  /// Abandons sends that nobody takes (their rank is gone).
  ~Post();
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;

  /// Adds to the batch for `rank`; sent by flush() or when the batch is large.
  void write(std::uint32_t rank, const Message& message);
  /// Starts sending every batch and forgets the sends that have completed.
  void flush();
  /// Appends what has arrived; true when anything had.
  bool collect(std::vector<Letter>& letters);
  /// True when every send has been taken over by MPI.
  bool all_sent();
  /// True while MPI still needs us to look, so that a large message gets on.
  bool is_sending() const { return !sending_.empty(); }

 private:
  struct Sending;
  void send(std::uint32_t rank, std::string bytes);
  bool collect_one(std::vector<Letter>& letters);

  std::vector<std::pair<std::uint32_t, std::string>> batches_;
  std::list<Sending> sending_;
};

}  // namespace gradus
