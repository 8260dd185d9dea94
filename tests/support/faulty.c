/* A disk and a clock that misbehave: to be loaded before libc (LD_PRELOAD) into gradus.
 *
 *   FAULTY_FILE  the end of the name of the file whose descriptors are meant
 *   FAULTY       slow:MS     each write and sync takes MS milliseconds
 *                broken:N    from the Nth write on, EIO
 *                readonly:N  from the Nth write on, EROFS
 *                full:FILE   as long as FILE is there, ENOSPC
 *                synced:FILE each sync appends the size that the file has then
 *                nolock      no file of that name can be locked
 *                clock       the wall clock goes back by an hour every 50 looks
 *                late-stop   who stops itself does so half a second later
 *
 * Steps inherit it, but do not write to such files. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *fault(void) {
  const char *text = getenv("FAULTY");
  return text ? text : "";
}

static int is_meant(int fd) {
  const char *end = getenv("FAULTY_FILE");
  char link[64], name[4096];
  if (!end) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, name, sizeof name - 1);
  if (size < (ssize_t)strlen(end)) return 0;
  name[size] = 0;
  return strcmp(name + size - strlen(end), end) == 0;
}

static void nap(void) {
  if (strncmp(fault(), "slow:", 5) == 0) usleep((useconds_t)atoi(fault() + 5) * 1000);
}

int raise(int number) {
  struct timespec left = {0, 500000000};
  if (number == SIGSTOP && strcmp(fault(), "late-stop") == 0) {
    while (nanosleep(&left, &left) != 0) {
    }
  }
  return (int)syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
}

ssize_t write(int fd, const void *bytes, size_t size) {
  static ssize_t (*real)(int, const void *, size_t);
  static int writes;
  if (!real) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  if (*fault() && is_meant(fd)) {
    nap();
    if (strncmp(fault(), "broken:", 7) == 0 && ++writes >= atoi(fault() + 7)) {
      errno = EIO;
      return -1;
    }
    if (strncmp(fault(), "full:", 5) == 0 && access(fault() + 5, F_OK) == 0) {
      errno = ENOSPC;
      return -1;
    }
    if (strncmp(fault(), "readonly:", 9) == 0 && ++writes >= atoi(fault() + 9)) {
      errno = EROFS;
      return -1;
    }
  }
  return real(fd, bytes, size);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (!*fault() || !is_meant(fd)) return real(fd);
  nap();
  struct stat before;
  fstat(fd, &before);
  int result = real(fd);
  if (strncmp(fault(), "synced:", 7) == 0) {
    FILE *told = fopen(fault() + 7, "a");
    if (told) {
      fprintf(told, "%lld\n", (long long)before.st_size);
      fclose(told);
    }
  }
  return result;
}

static int no_locks(int fd, int command) {
  return command == F_OFD_SETLK && strcmp(fault(), "nolock") == 0 && is_meant(fd);
}

int fcntl(int fd, int command, ...) {
  static int (*real)(int, int, ...);
  va_list list;
  va_start(list, command);
  void *argument = va_arg(list, void *);
  va_end(list);
  if (!real) real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl");
  if (no_locks(fd, command)) {
    errno = ENOLCK;
    return -1;
  }
  return real(fd, command, argument);
}
int fcntl64(int, int, ...) __attribute__((alias("fcntl")));

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  static int looks;
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (clock == CLOCK_REALTIME && strcmp(fault(), "clock") == 0) now->tv_sec -= 3600 * (++looks / 50);
  return result;
}
