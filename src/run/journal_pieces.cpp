#include "run/journal_pieces.h"

#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace gradus {

BytesRead read_in_pieces(int file, std::uint64_t from, JournalRecords& records) {
  constexpr std::size_t piece_bytes = std::size_t{8} << 20;
  std::vector<char> piece;
  std::size_t have = 0;  // of the piece: what could not be taken yet
  for (std::uint64_t taken = 0;;) {
    // A record longer than a piece makes the next one longer.
    piece.resize(std::max(piece_bytes, 2 * have) + simdjson::SIMDJSON_PADDING);
    const auto room = piece.size() - simdjson::SIMDJSON_PADDING - have;
    const ssize_t got = pread(file, piece.data() + have, room, static_cast<off_t>(from + taken + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "read");
    have += static_cast<std::size_t>(got);
    const auto took = records.read(piece.data(), have, piece.size());
    std::memmove(piece.data(), piece.data() + took, have - took);
    have -= took;
    taken += took;
    if (got == 0 || !records.damage().what.empty()) return {taken, have};
  }
}

}  // namespace gradus
