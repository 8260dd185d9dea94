#include "run/journal_tail.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "run/run_directory.h"

namespace gradus {
namespace {

constexpr std::size_t piece_bytes = std::size_t{8} << 20;
constexpr std::size_t typical_bytes_of_an_attempt = 300;  // its launch and its end

[[noreturn]] void unreadable(const std::string& path) {
  throw std::runtime_error(fmt::format("{} cannot be read: {}", path, strerrordesc_np(errno)));
}

}  // namespace

JournalTail::JournalTail(std::string path) : path_(std::move(path)) {
  begin_anew();
  read();
}

JournalTail::~JournalTail() = default;

void JournalTail::begin_anew() {
  chronicle_ = std::make_unique<Chronicle>();
  records_ = std::make_unique<JournalRecords>(path_, *chronicle_);
  taken_ = 0;
}

bool JournalTail::read() {
  const Descriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) unreadable(path_);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // --restart removes the journal and begins another.
  if ((inode_ != 0 && inode_ != status.st_ino) || size < taken_) begin_anew();
  inode_ = status.st_ino;
  if (size <= taken_ || !damage().empty()) return false;
  chronicle_->expect_attempts((size - taken_) / typical_bytes_of_an_attempt);
  return read_pieces(file.get());
}

bool JournalTail::read_pieces(int file) {
  const auto taken_before = taken_;
  std::vector<char> piece;
  std::size_t have = 0;  // of the piece: what could not be taken yet
  for (;;) {
    // A record longer than a piece makes the next one longer.
    piece.resize(std::max(piece_bytes, 2 * have) + simdjson::SIMDJSON_PADDING);
    const auto room = piece.size() - simdjson::SIMDJSON_PADDING - have;
    const ssize_t got = pread(file, piece.data() + have, room, static_cast<off_t>(taken_ + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) unreadable(path_);
    have += static_cast<std::size_t>(got);
    const auto took = records_->read(piece.data(), have, piece.size());
    std::memmove(piece.data(), piece.data() + took, have - took);
    have -= took;
    taken_ += took;
    if (got == 0 || !records_->damage().what.empty()) return taken_ > taken_before;
  }
}

std::string JournalTail::damage() const { return records_->damage_in_words(); }

RunPulse pulse_of(const std::string& run_dir, const Chronicle& chronicle) {
  const Descriptor lock(open((run_dir + "/lock").c_str(), O_RDONLY | O_CLOEXEC));
  struct flock whole {};
  whole.l_type = F_RDLCK;
  whole.l_whence = SEEK_SET;
  const bool can_tell = lock.get() >= 0 && fcntl(lock.get(), F_OFD_GETLK, &whole) == 0;
  if (can_tell && whole.l_type != F_UNLCK) return RunPulse::runs;
  if (!chronicle.lives().empty() && chronicle.lives().back().over) return RunPulse::over;
  return can_tell ? RunPulse::broken_off : RunPulse::unknown;
}

}  // namespace gradus
