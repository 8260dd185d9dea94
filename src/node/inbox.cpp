#include "node/inbox.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <ctime>
#include <system_error>
#include <utility>

namespace gradus {

Inbox::Inbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Inbox::~Inbox() { close(fd_); }

void Inbox::put(AttemptEnded ended, bool later) {
  // A wake costs two switches of threads, on a core that a step could use: several ends share one.
  constexpr std::size_t worth_a_wake = 8;
  {
    const std::lock_guard lock(mutex_);
    ended_.push_back(std::move(ended));
    has_urgent_ = has_urgent_ || !later;
    if (woken_ || (later && ended_.size() < worth_a_wake)) return;
    woken_ = true;
  }
  wake();
}

bool Inbox::has_some() const {
  const std::lock_guard lock(mutex_);
  return !ended_.empty();
}

void Inbox::wake() const {
  const std::uint64_t one = 1;
  // Cannot block, and when the counter is full it is readable anyway.
  [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
}

bool Inbox::take(std::vector<AttemptEnded>& ended) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
  std::vector<AttemptEnded> taken;
  bool was_urgent = false;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(ended_);
    was_urgent = has_urgent_;
    woken_ = has_urgent_ = false;
  }
  for (auto& one : taken) ended.push_back(std::move(one));
  return was_urgent;
}

void Inbox::sleep(double seconds, int other) const {
  pollfd entries[] = {{fd_, POLLIN, 0}, {other, POLLIN, 0}};
  const nfds_t count = other >= 0 ? 2 : 1;
  if (!std::isfinite(seconds) || seconds > 1e6) {
    poll(entries, count, -1);
    return;
  }
  timespec limit{};
  if (seconds > 0) {
    limit.tv_sec = static_cast<time_t>(seconds);
    limit.tv_nsec = static_cast<long>((seconds - static_cast<double>(limit.tv_sec)) * 1e9);
  }
  ppoll(entries, count, &limit, nullptr);
}

}  // namespace gradus
