#include "run/journal_tail.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "run/journal_pieces.h"
#include "run/run_directory.h"

namespace gradus {
namespace {

constexpr std::size_t typical_bytes_of_an_attempt = 300;  // its launch and its end

[[noreturn]] void unreadable(const std::string& path, int error) {
  throw std::runtime_error(fmt::format("{} cannot be read: {}", path, strerrordesc_np(error)));
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
  if (file.get() < 0 || fstat(file.get(), &status) != 0) unreadable(path_, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // --restart removes the journal and begins another.
  if ((inode_ != 0 && inode_ != status.st_ino) || size < taken_) begin_anew();
  inode_ = status.st_ino;
  if (size <= taken_ || !damage().empty()) return false;
  chronicle_->expect_attempts((size - taken_) / typical_bytes_of_an_attempt);
  try {
    const auto took = read_in_pieces(file.get(), taken_, *records_).taken;
    taken_ += took;
    return took > 0;
  } catch (const std::system_error& error) {
    unreadable(path_, error.code().value());
  }
}

std::string JournalTail::damage() const { return records_->damage_in_words(); }

RunPulse pulse_of(const std::string& run_dir, const Chronicle& chronicle) {
  const Descriptor lock(open(RunDirectory::lock_of(run_dir).c_str(), O_RDONLY | O_CLOEXEC));
  struct flock whole {};
  whole.l_type = F_RDLCK;
  whole.l_whence = SEEK_SET;
  const bool can_tell = lock.get() >= 0 && fcntl(lock.get(), F_OFD_GETLK, &whole) == 0;
  if (can_tell && whole.l_type != F_UNLCK) return RunPulse::runs;
  if (!chronicle.lives().empty() && chronicle.lives().back().over) return RunPulse::over;
  return can_tell ? RunPulse::broken_off : RunPulse::unknown;
}

RunPulse pulse_of(const std::string& run_dir, JournalTail& journal) {
  const auto pulse = pulse_of(run_dir, journal.chronicle());
  return pulse == RunPulse::broken_off && journal.read() ? pulse_of(run_dir, journal.chronicle()) : pulse;
}

}  // namespace gradus
