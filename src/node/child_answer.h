// What a child says that was started to answer one question.
//
// Knows: how to read until its end with a time limit, and how to be rid of it afterwards.
// Unaware of: who it is and how it was started, what the answer means.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>

namespace gradus {

struct ChildAnswer {
  std::string output;   ///< at most a MiB
  bool in_time = true;  ///< false: it was ended by KILL
  bool reaped = true;   ///< false: KILL did not end it, it is stuck in the kernel
  int status = -1;      ///< of waitpid(2); -1, which says neither exit nor signal, when the kernel reaped it
  double cpu_s = 0;     ///< CPU time that it used, seconds
};

/// Reads `out` to its end and reaps the child, which leads a process group of its own; closes `out`. Returns after
/// `limit_s` seconds and a little at the latest, or soon after `give_up` has become true (null: never).
ChildAnswer await_answer(pid_t child, int out, double limit_s, const std::atomic<bool>* give_up = nullptr);

/// Why there was no whole answer, in words: the time was up, a signal, an exit code.
std::string why_it_ended(const ChildAnswer& answer, const std::string& who, double limit_s);

}  // namespace gradus
