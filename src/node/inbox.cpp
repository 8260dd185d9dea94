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

void Inbox::take(std::vector<AttemptEnded>& ended) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
  std::vector<AttemptEnded> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(ended_);
    woken_ = false;
  }
  for (auto& one : taken) ended.push_back(std::move(one));
}

void Inbox::sleep(double seconds) const {
  pollfd entry{fd_, POLLIN, 0};
  if (!std::isfinite(seconds) || seconds > 1e6) {
    poll(&entry, 1, -1);
    return;
  }
  timespec limit{};
  if (seconds > 0) {
    limit.tv_sec = static_cast<time_t>(seconds);
    limit.tv_nsec = static_cast<long>((seconds - static_cast<double>(limit.tv_sec)) * 1e9);
  }
  ppoll(&entry, 1, &limit, nullptr);
}

}  // namespace gradus
