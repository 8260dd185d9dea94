// Where slot threads leave what ended, for the one thread that waits.
//
// Knows: a queue and an eventfd that becomes readable when something is in it.
// Unaware of: what else the waiting thread waits for (signals, MPI).
#pragma once

#include <mutex>
#include <vector>

#include "gradus/scheduler.h"

namespace gradus {

/// How long ends for which nobody was woken may lie there. A queue of short steps lasts twenty times as
/// long (--prefetch); shorter naps would take time from the steps.
inline constexpr double lazy_nap_s = 1e-3;

class Inbox {
 public:
  Inbox();
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Any thread. `later`: the waiting thread need not be woken for it alone; it looks by itself every lazy_nap_s while
  /// such are to be expected.
  void put(AttemptEnded ended, bool later = false);
  /// Wakes the waiting thread; async-signal-safe.
  void wake() const;
  /// Readable when something was put or wake() was called.
  int fd() const { return fd_; }
  /// Takes all out and makes fd() unreadable; true when one of them was not to be told `later`. The waiting thread
  /// only.
  bool take(std::vector<AttemptEnded>& ended);
  /// Sleeps until fd() is readable, at most `seconds` (infinity: for ever). `other`: a descriptor that wakes it too.
  void sleep(double seconds, int other = -1) const;
  /// True when something lies there for which nobody was woken.
  bool has_some() const;

 private:
  int fd_;
  mutable std::mutex mutex_;
  bool woken_ = false, has_urgent_ = false;  // since the last take()
  std::vector<AttemptEnded> ended_;
};

}  // namespace gradus
