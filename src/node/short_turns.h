// A thread that is seldom there, and brief: the kernel is asked to let it run soon when it wakes.
//
// Knows: the scheduler's request for a slice. Unaware of: what the thread does, and when it is in a hurry.
#pragma once

namespace gradus {

/// For one thread, which alone may call it; neither its threads nor its children have it. While steps keep every core
/// busy, a thread that wakes waits for the end of somebody's slice (3 ms and more) before it can start the next step.
/// Linux 6.12 and later heed a request for a short slice (sched_attr::sched_runtime, sched_setattr(2)): who asks for
/// less at a time comes sooner, and gets no larger share by it. Before that, and under other policies than SCHED_OTHER,
/// this does nothing.
class ShortTurns {
 public:
  /// Short turns from now on, or the usual ones: who comes soon interrupts a step, so only while somebody waits for it.
  /// Costs a system call when that is new, else nothing.
  void want(bool wanted);

 private:
  bool wanted_ = false;
};

}  // namespace gradus
