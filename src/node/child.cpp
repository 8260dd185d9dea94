#include "node/child.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <system_error>

// Between clone and execve the child runs in our memory on its own stack: sanitizers' bookkeeping of
// stacks and threads does not know it.
#define GRADUS_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

namespace gradus {
namespace {

#ifdef __SANITIZE_THREAD__
// ThreadSanitizer keeps a thread's state in memory and loses count when two processes share it: under it the
// child has a copy of our memory, but for its stack.
constexpr int memory_sharing = 0;
constexpr int stack_sharing = MAP_SHARED;
#else
constexpr int memory_sharing = CLONE_VM;
constexpr int stack_sharing = MAP_PRIVATE;
#endif

struct Start {
  const ChildSpec* spec;
  pid_t parent;
  StartFailure failure;
};

GRADUS_IN_CHILD int fail(Start* start, const char* call) {
  start->failure.call = call;
  start->failure.error = errno;
  _exit(127);
}

/// A handler of ours must not run in the child, and what we ignore the step must not ignore.
/// Bare system calls: sanitizers keep handlers in memory that is still ours here. All zeros is SIG_DFL.
GRADUS_IN_CHILD void reset_signals() {
  const unsigned long zeros[8] = {};
  constexpr unsigned long mask_size = 8;
  for (int signal = 1; signal < NSIG; ++signal) syscall(SYS_rt_sigaction, signal, zeros, nullptr, mask_size);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, zeros, nullptr, mask_size);
}

/// A text file without `#!` is a shell script, as for every shell and execvp(3).
GRADUS_IN_CHILD void exec_file(const char* file, const ChildSpec& spec) {
  execve(file, const_cast<char* const*>(spec.argv), const_cast<char* const*>(spec.envp));
  if (errno != ENOEXEC) return;
  constexpr std::size_t most = 1024;
  const char* words[most + 3] = {"/bin/sh", file};
  std::size_t count = 0;
  while (spec.argv[count] != nullptr) ++count;
  if (count > most) return;
  for (std::size_t i = 1; i <= count; ++i) words[i + 1] = spec.argv[i];
  execve(words[0], const_cast<char* const*>(words), const_cast<char* const*>(spec.envp));
}

GRADUS_IN_CHILD void exec_in_path(const ChildSpec& spec) {
  const char* name = spec.argv[0];
  const std::size_t name_length = strlen(name);
  const char* path = spec.path != nullptr ? spec.path : "/usr/local/bin:/usr/bin:/bin";
  int error = ENOENT;
  for (const char* folder = path;;) {
    const char* end = strchrnul(folder, ':');
    const auto length = static_cast<std::size_t>(end - folder);
    char file[PATH_MAX];
    if (length + name_length + 2 <= sizeof file) {
      memcpy(file, folder, length);
      std::size_t at = length;
      if (length > 0) file[at++] = '/';
      memcpy(file + at, name, name_length + 1);
      exec_file(file, spec);
      // As the shells do: go on when the file is not there, remember when it may not be executed.
      if (errno == EACCES) {
        error = EACCES;
      } else if (errno != ENOENT && errno != ENOTDIR) {
        return;
      }
    }
    if (*end == '\0') break;
    folder = end + 1;
  }
  errno = error;
}

GRADUS_IN_CHILD int in_child(void* argument) {
  auto* start = static_cast<Start*>(argument);
  const auto& spec = *start->spec;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != start->parent) _exit(127);  // it died before prctl
  if (setpgid(0, 0) != 0) return fail(start, "setpgid");
  // Written by the child itself, so that there is no moment at which it runs and nobody knows its group.
  if (spec.group_cell != nullptr) spec.group_cell->store(getpid(), std::memory_order_release);
  reset_signals();
  if (spec.cwd != nullptr && chdir(spec.cwd) != 0) return fail(start, "chdir");
  if (dup2(spec.stdin_fd, 0) < 0 || dup2(spec.stdout_fd, 1) < 0 || dup2(spec.stderr_fd, 2) < 0) {
    return fail(start, "dup2");
  }
  // MPI's sockets and shared segments are not all close-on-exec.
  syscall(SYS_close_range, 3U, ~0U, 0U);
  if (spec.descriptors != nullptr) syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, spec.descriptors, nullptr);
  if (strchr(spec.argv[0], '/') != nullptr) {
    exec_file(spec.argv[0], spec);
  } else {
    exec_in_path(spec);
  }
  return fail(start, "execve");
}

}  // namespace

ChildStack::ChildStack()
    : memory_(mmap(nullptr, size, PROT_READ | PROT_WRITE, stack_sharing | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
}

ChildStack::~ChildStack() { munmap(memory_, size); }

// CLONE_VFORK: this thread sleeps until the child has called execve or ended.
// Not fork: with 500 MB resident it is fifty times slower, and MPI's registered memory does not survive it.
pid_t start_child(const ChildSpec& spec, const ChildStack& stack, StartFailure& failure) {
  auto& start = *new (stack.shared()) Start{&spec, getpid(), {}};
  const pid_t pid = clone(in_child, stack.top(), memory_sharing | CLONE_VFORK | SIGCHLD, &start);
  if (pid < 0) {
    failure = {"clone", errno};
    return -1;
  }
  if (start.failure.call == nullptr) return pid;
  if (spec.group_cell != nullptr) spec.group_cell->store(0, std::memory_order_release);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  failure = start.failure;
  return -1;
}

}  // namespace gradus
