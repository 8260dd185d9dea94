#include "node/step_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string_view>

#include "core/left_out.h"
#include "core/output_pack.h"
#include "core/size_text.h"
#include "node/patience.h"

namespace gradus {
namespace {

constexpr std::uint64_t most_kept_of_the_end = 1 << 20;

/// The last `size` bytes before `end`, from a line's beginning on where there is one.
std::string last_part(int fd, std::uint64_t end, std::uint64_t size) {
  std::string text(size, '\0');
  const ssize_t got = pread(fd, text.data(), size, static_cast<off_t>(end - size));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto newline = text.find('\n');
  return newline == std::string::npos || newline + 1 == text.size() ? text : text.substr(newline + 1);
}

/// Of an open file: a step may have removed the folder.
bool has_a_name(int fd) {
  struct stat status {};
  return fstat(fd, &status) != 0 || status.st_nlink > 0;
}

}  // namespace

GrowingFile::~GrowingFile() { close(); }

/// Appending, so that the step goes on at the new end after the file was cut; read too, for what is kept of its end.
int GrowingFile::open(const std::string& path) {
  close();
  left_out_ = 0;
  // Not O_TRUNC alone: an attempt of a life that was just killed may still write to what stands there.
  unlink(path.c_str());
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  return fd_ >= 0 ? 0 : errno;
}

void GrowingFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void GrowingFile::keep_below(std::uint64_t limit) {
  struct stat status {};
  if (fd_ < 0 || limit == 0 || fstat(fd_, &status) != 0) return;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size <= limit) return;
  const auto head = limit / 2;
  const auto tail = last_part(fd_, size, std::min(limit / 4, most_kept_of_the_end));
  if (ftruncate(fd_, static_cast<off_t>(head)) != 0) return;
  left_out_ += size - head - tail.size();
  const auto text = left_out_line(left_out_) + tail;
  [[maybe_unused]] const auto written = write(fd_, text.data(), text.size());
}

void GrowingFile::clear() {
  left_out_ = 0;
  if (fd_ >= 0 && size() > 0 && ftruncate(fd_, 0) != 0) close();  // then the next attempt gets a fresh one
}

std::uint64_t GrowingFile::size() const {
  struct stat status {};
  return fd_ >= 0 && fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool GrowingFile::is_there() const { return fd_ >= 0 && has_a_name(fd_); }

OutputPack::~OutputPack() {
  if (fd_ >= 0) ::close(fd_);
}

int OutputPack::append(const AttemptOrder& order, const GrowingFile& out, const GrowingFile& err) {
  if (out.size() == 0 && err.size() == 0) return 0;
  const std::lock_guard lock(mutex_);
  if (const int error = open_pack(); error != 0) return error;
  const off_t before = lseek(fd_, 0, SEEK_END);
  const int error = append_all(order, out, err);
  // What is not whole would lead a reader astray from there on.
  if (error != 0 && ftruncate(fd_, before) != 0) return errno;
  return error;
}

/// Again where it was removed.
int OutputPack::open_pack() {
  if (fd_ >= 0 && has_a_name(fd_)) return 0;
  if (fd_ >= 0) {
    was_removed_ = true;
    ::close(fd_);
  }
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  return fd_ >= 0 ? 0 : errno;
}

int OutputPack::append_all(const AttemptOrder& order, const GrowingFile& out, const GrowingFile& err) {
  const auto sizes = PackedOutput{order.step + 1, order.attempt, out.size(), err.size()};
  std::string part = pack_line(sizes);
  const auto write_part = [&] {
    for (std::size_t done = 0; done < part.size();) {
      const ssize_t wrote = write(fd_, part.data() + done, part.size() - done);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return errno;
      done += static_cast<std::size_t>(wrote);
    }
    part.clear();
    return 0;
  };
  constexpr std::size_t at_once = 256 * 1024;
  const auto copy = [&](const GrowingFile& file, std::uint64_t size) {
    for (std::uint64_t at = 0; at < size;) {
      const auto begin = part.size();
      part.resize(begin + std::min<std::uint64_t>(size - at, at_once));
      const ssize_t got = pread(file.fd(), part.data() + begin, part.size() - begin, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got < 0 ? errno : EIO;
      part.resize(begin + static_cast<std::size_t>(got));
      at += static_cast<std::uint64_t>(got);
      if (part.size() < at_once) continue;
      if (const int error = write_part(); error != 0) return error;
    }
    return 0;
  };
  if (const int error = copy(out, sizes.out_size); error != 0) return error;
  if (const int error = copy(err, sizes.err_size); error != 0) return error;
  part += '\n';
  return write_part();
}

SlotOutput::SlotOutput(const RunSettings& settings, std::uint32_t rank, std::uint32_t slot, int null_fd,
                       OutputPack& pack)
    : settings_(settings), rank_(rank), slot_(slot), null_fd_(null_fd), pack_(pack) {}

SlotOutput::~SlotOutput() {
  if (!is_shared()) return;
  if (out_.fd() >= 0) unlink(path(running_log_name(rank_, slot_, Stream::out)).c_str());
  if (err_.fd() >= 0) unlink(path(running_log_name(rank_, slot_, Stream::err)).c_str());
}

/// Both or none while it is tried again: slots that hold one each and wait for the other would wait for ever.
void SlotOutput::open_both(const std::string& out, const std::string& err) {
  const std::string* failed = nullptr;
  const auto open = [&] {
    int error = out_.open(out);
    failed = &out;
    if (error != 0) return error;
    error = err_.open(err);
    failed = &err;
    if (error != 0) out_.close();
    return error;
  };
  const int error = with_patience(open, [] { return false; });
  if (error != 0) trouble_ = fmt::format("its output is lost: open {}: {}", *failed, strerrordesc_np(error));
}

/// Else what an attempt of an earlier life has left in its own files would be taken for this one's.
void SlotOutput::forget_earlier(const AttemptOrder& order) const {
  // Those before the first that begins were called back from a slot, and remove nothing themselves.
  for (auto attempt = order.number == 1 ? 1 : order.attempt; attempt <= order.attempt; ++attempt) {
    for (const auto stream : {Stream::out, Stream::err}) {
      unlink(path(log_name(order.step + 1, attempt, stream)).c_str());
    }
  }
}

void SlotOutput::begin(const AttemptOrder& order) {
  trouble_.clear();
  if (settings_.has_earlier_outputs) forget_earlier(order);
  switch (settings_.output) {
    case OutputKind::none: return;
    case OutputKind::steps:
      return open_both(path(log_name(order.step + 1, order.attempt, Stream::out)),
                       path(log_name(order.step + 1, order.attempt, Stream::err)));
    case OutputKind::packed:
    case OutputKind::failed:
      // One pair of files for all steps of the slot: making two for each costs a quarter of the rate.
      if (out_.is_there() && err_.is_there()) return;
      return open_both(path(running_log_name(rank_, slot_, Stream::out)),
                       path(running_log_name(rank_, slot_, Stream::err)));
  }
}

void SlotOutput::keep_below_limit() {
  out_.keep_below(settings_.output_limit);
  err_.keep_below(settings_.output_limit);
}

std::string SlotOutput::end(const AttemptOrder& order, bool succeeded) {
  keep_below_limit();
  if (trouble_.empty()) trouble_ = put_away(order, succeeded);
  const auto left_out = out_.left_out() + err_.left_out();
  if (is_shared()) {
    out_.clear();
    err_.clear();
  } else {
    out_.close();
    err_.close();
  }
  if (!trouble_.empty() || left_out == 0) return trouble_;
  return fmt::format("about {} of its output were left out (--output-limit {})", size_text(left_out),
                     size_text(settings_.output_limit));
}

std::string SlotOutput::put_away(const AttemptOrder& order, bool succeeded) {
  if (settings_.output == OutputKind::packed) {
    const int error = pack_.append(order, out_, err_);
    const bool others_too = pack_.take_removed();
    if (error == 0) return others_too ? "what steps before it had written is lost: their pack was removed" : "";
    return fmt::format("its output is lost{}: write into the pack: {}",
                       others_too ? ", as is that of steps before it" : "", strerrordesc_np(error));
  }
  if (settings_.output == OutputKind::failed) return succeeded ? "" : keep_own_files(order);
  const auto is_lost = [](const GrowingFile& file) { return !file.is_there() && file.size() > 0; };
  return is_lost(out_) || is_lost(err_) ? "its output is lost: its files were removed while it ran" : "";
}

/// The files that the slot has used for it become its own; the slot's next attempt gets fresh ones.
std::string SlotOutput::keep_own_files(const AttemptOrder& order) {
  std::string trouble;
  const auto keep = [&](Stream stream, GrowingFile& file) {
    if (file.size() == 0) return;
    const auto from = path(running_log_name(rank_, slot_, stream));
    const auto to = path(log_name(order.step + 1, order.attempt, stream));
    if (rename(from.c_str(), to.c_str()) != 0) {
      trouble = fmt::format("its output is lost: rename {}: {}", to, strerrordesc_np(errno));
    }
    file.close();
  };
  keep(Stream::out, out_);
  keep(Stream::err, err_);
  return trouble;
}

}  // namespace gradus
