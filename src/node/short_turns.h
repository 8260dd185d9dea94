// A thread that is seldom there, and brief: the kernel is asked to let it run soon when it wakes.
//
// Knows: the scheduler's request for a slice. Unaware of: what the thread does.
#pragma once

namespace gradus {

/// For the calling thread; neither its threads nor its children have it. While steps keep every core busy, a thread
/// that wakes waits for the end of somebody's slice (3 ms and more) before it can start the next step. Linux 6.12 and
/// later heed a request for a short slice (sched_attr::sched_runtime, sched_setattr(2)): who asks for less at a time
/// comes sooner, and gets no larger share by it. Before that, and under other policies than SCHED_OTHER, this does
/// nothing.
void prefer_short_turns();

}  // namespace gradus
