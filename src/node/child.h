// Starting one child process of a step.
//
// Knows: clone(2), process groups, descriptors, execve(2) and its failures.
// Unaware of: steps, slots, marks, who waits for the child and when it is killed.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>

namespace gradus {

/// Everything the child needs, prepared beforehand: between clone and execve it may not allocate.
/// All pointers stay the caller's and must live until start_child() returns.
struct ChildSpec {
  const char* const* argv = nullptr;  ///< null-terminated; argv[0] without a slash is looked for in `path`
  const char* const* envp = nullptr;  ///< null-terminated
  const char* path = nullptr;         ///< the child's PATH; null: the system's default
  const char* cwd = nullptr;          ///< null: the caller's
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  const rlimit* descriptors = nullptr;       ///< its RLIMIT_NOFILE; null: the caller's
  std::atomic<pid_t>* group_cell = nullptr;  ///< gets the process group's id before the program starts; may be null
};

/// Why the program did not start. `call` is a static string: "chdir", "execve", …
struct StartFailure {
  const char* call = nullptr;
  int error = 0;  ///< errno
};

/// A stack for the child's steps before execve; one per thread that starts children.
class ChildStack {
 public:
  ChildStack();
  ~ChildStack();
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;
  void* top() const { return static_cast<char*>(memory_) + size; }
  /// Its lowest bytes, which the stack never reaches: seen by child and parent alike.
  void* shared() const { return memory_; }

 private:
  static constexpr std::size_t size = 128 * 1024;
  void* memory_;
};

/// Starts the program in a process group of its own (its id is the child's pid), with no descriptor
/// above 2, default signal dispositions and an empty signal mask; the kernel sends it KILL when the
/// calling thread ends. Returns its pid, or -1 with `failure` set (then there is nothing to wait for).
/// The calling thread must have all signals blocked: the child shares its memory until execve, and a
/// handler must not run there. The caller reaps the child.
pid_t start_child(const ChildSpec& spec, const ChildStack& stack, StartFailure& failure);

}  // namespace gradus
