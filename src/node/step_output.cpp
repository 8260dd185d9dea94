#include "node/step_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "core/log_names.h"
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
  return newline == std::string::npos ? text : text.substr(newline + 1);
}

}  // namespace

GrowingFile::~GrowingFile() { close(); }

/// Appending, so that the step goes on at the new end after the file was cut; read too, for what is kept of its end.
int GrowingFile::open(const std::string& path) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
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
  const auto text =
      fmt::format("\n[gradus: about {} bytes of output were left out here, see --output-limit]\n{}", left_out_, tail);
  [[maybe_unused]] const auto written = write(fd_, text.data(), text.size());
}

StepOutput::StepOutput(const AttemptOrder& order, const RunSettings& settings, int null_fd)
    : limit_(settings.output_limit), null_fd_(null_fd) {
  const auto path = [&](Stream stream) {
    return settings.run_dir + "/" + log_name(order.step + 1, order.attempt, stream);
  };
  const char* failed = nullptr;
  std::string of_out = path(Stream::out), of_err = path(Stream::err);
  // Both or none while it is tried again: slots that hold one each and wait for the other would wait for ever.
  const auto open_both = [&] {
    int error = out_.open(of_out);
    failed = of_out.c_str();
    if (error != 0) return error;
    error = err_.open(of_err);
    failed = of_err.c_str();
    if (error != 0) out_.close();
    return error;
  };
  const int error = with_patience(open_both, [] { return false; });
  if (error != 0) trouble_ = fmt::format("its output is lost: open {}: {}", failed, strerrordesc_np(error));
}

void StepOutput::keep_below_limit() {
  out_.keep_below(limit_);
  err_.keep_below(limit_);
}

std::string StepOutput::trouble() const {
  const auto left_out = out_.left_out() + err_.left_out();
  if (!trouble_.empty() || left_out == 0) return trouble_;
  return fmt::format("about {} of its output were left out (--output-limit {})", size_text(left_out),
                     size_text(limit_));
}

}  // namespace gradus
