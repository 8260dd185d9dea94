// A step of a given length that can say when it began and ended.
//
//   gradus_bench_step sleep|spin MILLISECONDS [RECORD]
//
// Knows: how to be busy or to sleep; one line a step, `START END RANK`, appended to RECORD: nanoseconds of the
// machine's
//        monotonic clock, and the rank that ran it (- where none).
// Unaware of: who starts it. It links only the C library, so that its own start is as short as that of any small
// program.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

long long nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/// By processor time: a step that has to share its core takes longer, as real work does.
void spin(long long length) {
  while (nanoseconds(CLOCK_PROCESS_CPUTIME_ID) < length) {
  }
}

void sleep_for(long long length) {
  const timespec nap{static_cast<time_t>(length / 1000000000), static_cast<long>(length % 1000000000)};
  nanosleep(&nap, nullptr);
}

bool record(const char* path, long long start) {
  const char* rank = std::getenv("GRADUS_RANK");
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  char line[80];
  const int size = std::snprintf(line, sizeof line, "%lld %lld %.8s\n", start, nanoseconds(CLOCK_MONOTONIC),
                                 rank == nullptr ? "-" : rank);
  return file >= 0 && write(file, line, static_cast<std::size_t>(size)) == size;
}

}  // namespace

int main(int argc, char** argv) {
  const auto start = nanoseconds(CLOCK_MONOTONIC);
  const bool spins = argc > 1 && std::strcmp(argv[1], "spin") == 0;
  if (argc < 3 || argc > 4 || (!spins && std::strcmp(argv[1], "sleep") != 0)) {
    std::fprintf(stderr, "usage: %s sleep|spin MILLISECONDS [RECORD]\n", argv[0]);
    return 2;
  }
  const auto length = static_cast<long long>(std::atof(argv[2]) * 1e6);
  if (spins)
    spin(length);
  else
    sleep_for(length);
  return argc < 4 || record(argv[3], start) ? 0 : 1;
}
