// Where slot threads leave what ended, for the one thread that waits.
//
// Knows: a queue and an eventfd that becomes readable when something is in it.
// Unaware of: what else the waiting thread waits for (signals, MPI).
#pragma once

#include <mutex>
#include <vector>

#include "gradus/scheduler.h"

namespace gradus {

class Inbox {
 public:
  Inbox();
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Any thread.
  void put(AttemptEnded ended);
  /// Wakes the waiting thread; async-signal-safe.
  void wake() const;
  /// Readable when something was put or wake() was called.
  int fd() const { return fd_; }
  /// Takes all out and makes fd() unreadable. The waiting thread only.
  void take(std::vector<AttemptEnded>& ended);
  /// Sleeps until fd() is readable, at most `seconds` (infinity: for ever).
  void sleep(double seconds) const;

 private:
  int fd_;
  std::mutex mutex_;
  std::vector<AttemptEnded> ended_;
};

}  // namespace gradus
