// The floor: what this machine gives to a loop that does nothing but start processes and wait for them.
//
//   gradus_floor THREADS STEPS [--files FOLDER] -- COMMAND [ARG...]
//
// Knows: threads of posix_spawn and waitpid; two new files a step, where they are asked for.
// Unaware of: needs, journals, process groups, time limits, and who measures it: it prints nothing.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace {

/// Standard output and error of one step, as files of its own.
class Files {
 public:
  Files(const std::string& folder, long step) {
    posix_spawn_file_actions_init(&actions_);
    add(1, folder + "/" + std::to_string(step) + ".out");
    add(2, folder + "/" + std::to_string(step) + ".err");
  }
  ~Files() { posix_spawn_file_actions_destroy(&actions_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  void add(int fd, const std::string& path) {
    posix_spawn_file_actions_addopen(&actions_, fd, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  }
  posix_spawn_file_actions_t actions_{};
};

struct Work {
  long steps = 0;
  const char* files = nullptr;
  char** command = nullptr;
  std::atomic<long> next{0};
  std::atomic<bool> failed{false};
};

bool start_and_wait(const Work& work, const posix_spawn_file_actions_t* actions) {
  pid_t child = 0;
  if (posix_spawnp(&child, work.command[0], actions, nullptr, work.command, environ) != 0) return false;
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

void run(Work& work) {
  for (long step = work.next++; step < work.steps && !work.failed; step = work.next++) {
    const bool good =
        work.files == nullptr ? start_and_wait(work, nullptr) : start_and_wait(work, Files(work.files, step).actions());
    if (!good) work.failed = true;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool with_files = argc > 4 && std::strcmp(argv[3], "--files") == 0;
  const int dashes = with_files ? 5 : 3;
  if (argc < dashes + 2 || std::strcmp(argv[dashes], "--") != 0) {
    std::fprintf(stderr, "usage: %s THREADS STEPS [--files FOLDER] -- COMMAND [ARG...]\n", argv[0]);
    return 2;
  }
  Work work;
  work.steps = std::atol(argv[2]);
  work.files = with_files ? argv[4] : nullptr;
  work.command = argv + dashes + 1;
  std::vector<std::thread> threads;
  for (long i = 0; i < std::atol(argv[1]); ++i) threads.emplace_back([&work] { run(work); });
  for (auto& thread : threads) thread.join();
  if (work.failed) std::fprintf(stderr, "%s: a step failed or could not start\n", argv[0]);
  return work.failed ? 1 : 0;
}
