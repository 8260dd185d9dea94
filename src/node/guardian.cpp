#include "node/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "node/leftovers.h"
#include "node/signals.h"

namespace gradus {
namespace {

constexpr const char* guardian_name = "gradus-guardian";

[[noreturn]] void refuse(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

GuardianTable* map_table(int fd) {
  void* memory = mmap(nullptr, sizeof(GuardianTable), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<GuardianTable*>(memory);
}

void signal_groups(GuardianTable& table, int signal) {
  for (auto& cell : table.groups) {
    const pid_t group = cell.load(std::memory_order_acquire);
    if (group > 1) kill(-group, signal);
  }
}

bool any_group_left(GuardianTable& table) {
  return std::any_of(std::begin(table.groups), std::end(table.groups), [](auto& cell) {
    const pid_t group = cell.load(std::memory_order_acquire);
    return group > 1 && kill(-group, 0) == 0;
  });
}

/// `?` and -1 where it cannot be told.
struct ProcessState {
  char state = '?';  ///< `T` stopped, `D` waits for a disk, `Z` dead…
  pid_t parent = -1, group = -1;
};

ProcessState state_of(pid_t pid) {
  char path[32], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return {};
  text[got] = '\0';
  // The name stands in parentheses and may hold some itself.
  const char* end = strrchr(text, ')');
  ProcessState said;
  if (end == nullptr || sscanf(end, ") %c %d %d", &said.state, &said.parent, &said.group) != 3) return {};
  return said;
}

bool runs_our_program(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  struct stat theirs {};
  struct stat ours {};
  return stat(path, &theirs) == 0 && stat("/proc/self/exe", &ours) == 0 && theirs.st_dev == ours.st_dev &&
         theirs.st_ino == ours.st_ino;
}

/// How many ranks the rank's parent (mpirun, its daemon) has started here, when all of them are stopped; else 0.
std::uint32_t ranks_here_all_stopped(pid_t rank) {
  const pid_t parent = state_of(rank).parent;
  if (parent <= 1) return 0;
  std::uint32_t stopped = 0, others = 0;
  each_process([&](pid_t process) {
    const auto [state, its_parent, group] = state_of(process);
    if (its_parent == parent && state != 'Z' && runs_our_program(process)) ++(state == 'T' ? stopped : others);
  });
  return others == 0 ? stopped : 0;
}

bool is_in(GuardianTable& table, pid_t group) {
  return std::any_of(std::begin(table.groups), std::end(table.groups),
                     [group](auto& cell) { return cell.load(std::memory_order_acquire) == group; });
}

/// Whether a process of the table's groups still does something. One that is dying may hold a GPU for as long as the
/// driver takes; a zombie holds nothing any more, and some containers never bury theirs.
bool any_member_moves(GuardianTable& table) {
  bool any = false;
  each_process([&](pid_t process) {
    const auto [state, parent, group] = state_of(process);
    any = any || (group > 1 && state != 'Z' && state != 'X' && is_in(table, group));
  });
  return any;
}

/// TERM, the grace, KILL. Groups that have ended stay in the table: nobody reuses their id while a
/// member lives, and when none does, kill(2) finds nothing.
void end_all(GuardianTable& table) {
  signal_groups(table, SIGTERM);
  signal_groups(table, SIGCONT);  // a stopped step must be able to act on TERM
  constexpr std::uint32_t step_ms = 20;
  for (std::uint32_t waited = 0; waited < table.grace_ms && any_group_left(table); waited += step_ms) {
    const timespec nap{0, step_ms * 1000000L};
    nanosleep(&nap, nullptr);
  }
  signal_groups(table, SIGKILL);
  std::vector<pid_t> dying;
  if (table.lineage[0] != '\0') dying = end_lineage(table.lineage);
  const auto moves = [](pid_t process) {
    const char state = state_of(process).state;
    return state != '?' && state != 'Z' && state != 'X';
  };
  // What waits for a disk or a driver that never answers must not keep us for ever.
  constexpr int most_looks = 500;
  for (int look = 0; look < most_looks; ++look) {
    if (!any_member_moves(table) && std::none_of(dying.begin(), dying.end(), moves)) return;
    const timespec nap{0, step_ms * 1000000L};
    nanosleep(&nap, nullptr);
  }
}

/// Looks once a second. It counts its own looks and no clock: when the whole machine or job was suspended, all wake
/// up together and nobody has been silent.
class Watch {
 public:
  explicit Watch(const GuardianTable& table) : table_(table) {}

  bool has_given_up() {
    const char state = state_of(table_.rank_pid).state;
    const bool is_run_paused = state == 'T' && is_whole_run_stopped();
    const auto pause = table_.is_paused.load();
    if (state == 'T' && pause == paused_too_late) kill(table_.rank_pid, SIGCONT);
    const bool is_paused = pause != not_paused || is_run_paused;
    stopped_ = state == 'T' && !is_paused && table_.has_begun != 0 ? stopped_ + 1 : 0;
    const auto beats = table_.beats.load();
    // Waiting for a disk is no hanging: it ends, or the disk is the trouble and nothing would be won.
    const bool moves = beats != beats_ || beats == 0 || state == 'D' || is_run_paused;
    silent_ = moves ? 0 : silent_ + 1;
    beats_ = beats;
    return stopped_ >= stopped_rank_s || (table_.silent_s > 0 && silent_ >= table_.silent_s);
  }

 private:
  /// Somebody has paused it, which Open MPI's mpirun does by SIGSTOP when it is told TSTP (Ctrl-Z). The master must be
  /// one of them: one that goes on would give up those here, and start their steps elsewhere beside these.
  bool is_whole_run_stopped() const {
    return table_.ranks_beside_master > 1 && ranks_here_all_stopped(table_.rank_pid) == table_.ranks_beside_master;
  }

  const GuardianTable& table_;
  int stopped_ = 0;
  std::uint32_t silent_ = 0;
  std::uint32_t beats_ = 0;
};

/// Without waiting: a guardian that hangs on a file system guards nothing.
void take_lock(GuardianTable& table) {
  const int fd = open(table.lock_file, O_RDONLY | O_CLOEXEC);  // stays open as long as we live
  struct flock byte {};
  byte.l_type = F_RDLCK;
  byte.l_whence = SEEK_SET;
  byte.l_start = table.lock_byte;
  byte.l_len = 1;
  table.lock_taken = fd >= 0 && fcntl(fd, F_OFD_SETLK, &byte) == 0 ? 1 : -1;
}

constexpr char all_is_well = 'q', take_the_lock = 'l';  // what a rank says through the pipe

void say_last_words(const GuardianTable& table) {
  for (const auto& word : table.words) {
    if (word.file[0] == '\0') continue;
    // Cut when it is written: on a full disk there would be no room any more for what stood there.
    const int fd = open(word.file, O_WRONLY | O_CREAT | O_CLOEXEC | (word.append ? O_APPEND : 0), 0644);
    if (fd < 0) continue;
    const auto written = write(fd, word.text, strlen(word.text));
    if (!word.append && written > 0) [[maybe_unused]]
      const auto cut = ftruncate(fd, written);
    close(fd);
  }
}

}  // namespace

Guardian::Guardian() {
  // A main() that does not know the word would come here again, and so on without end.
  if (strcmp(program_invocation_name, guardian_name) == 0) {
    throw std::logic_error("the main() of a program that makes a Guardian has to call guardian_main() for __guardian");
  }
  const int table_fd = memfd_create("gradus-guardian", MFD_CLOEXEC);
  if (table_fd < 0 || ftruncate(table_fd, sizeof(GuardianTable)) != 0) {
    refuse(errno == EFBIG ? "guardian: shared memory: ulimit -f is too low" : "guardian: shared memory");
  }
  table_ = map_table(table_fd);
  if (table_ == nullptr) refuse("guardian: mmap");
  table_->grace_ms = 2000;
  table_->rank_pid = getpid();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) refuse("guardian: pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
  posix_spawn_file_actions_adddup2(&actions, table_fd, 1);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A session of its own: what mpirun or a terminal sends to the rank's group does not reach it.
  // And it starts with every signal blocked: there is no moment at which one could end it.
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  const char* argv[] = {guardian_name, "__guardian", nullptr};
  errno = posix_spawn(&pid_, "/proc/self/exe", &actions, &attributes, const_cast<char**>(argv), environ);
  const int error = errno;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[0]);
  close(table_fd);
  alive_fd_ = ends[1];
  errno = error;
  if (error != 0) refuse("guardian: posix_spawn");
}

void Guardian::dismiss() {
  if (alive_fd_ < 0) return;
  if (write(alive_fd_, &all_is_well, 1) == 1) {
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  close(alive_fd_);
  alive_fd_ = -1;
}

Guardian::~Guardian() {
  dismiss();
  munmap(table_, sizeof(GuardianTable));
}

bool Guardian::set_last_word(const std::string& file, const std::string& text, bool append) {
  for (auto& word : table_->words) {
    if (word.file[0] != '\0') continue;
    if (file.size() >= sizeof word.file || text.size() >= sizeof word.text) return false;
    strcpy(word.text, text.c_str());
    word.append = append;
    strcpy(word.file, file.c_str());
    return true;
  }
  return false;
}

void Guardian::change_last_word(const std::string& file, const std::string& text) {
  for (auto& old : table_->words) {
    if (file != old.file) continue;
    if (set_last_word(file, text, old.append)) old.file[0] = '\0';
    return;
  }
}

void Guardian::hold(const std::string& lock_file, std::int64_t byte) {
  if (lock_file.size() >= sizeof table_->lock_file) return;
  strcpy(table_->lock_file, lock_file.c_str());
  table_->lock_byte = byte;
  if (write(alive_fd_, &take_the_lock, 1) != 1) return;
  // It takes a moment; killed before, this rank's run could be gone on with too early.
  for (int look = 0; look < 2000 && table_->lock_taken == 0; ++look) {
    const timespec nap{0, 500000};
    nanosleep(&nap, nullptr);
  }
}

void Guardian::set_lineage(const std::string& rank_lineage) {
  if (rank_lineage.size() < sizeof table_->lineage) strcpy(table_->lineage, rank_lineage.c_str());
}

void Guardian::forget_last_word(const std::string& file) {
  for (auto& word : table_->words) {
    if (file == word.file) word.file[0] = '\0';
  }
}

int guardian_main() {
  if (chdir("/") != 0) return 1;
  GuardianTable* table = map_table(1);
  if (table == nullptr) return 1;
  Watch watch(*table);
  pollfd pipe_end{0, POLLIN, 0};
  constexpr int look_every_ms = 1000;
  for (;;) {
    if (poll(&pipe_end, 1, look_every_ms) <= 0) {
      if (!watch.has_given_up()) continue;
      end_all(*table);
      kill(table->rank_pid, SIGKILL);  // else it would come back and think that all is well
      say_last_words(*table);
      return 0;
    }
    char byte = 0;
    const ssize_t got = read(0, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got == 1 && byte == take_the_lock) {
      take_lock(*table);
      continue;
    }
    if (got == 0) {  // end of file: the rank is gone without a word
      end_all(*table);
      say_last_words(*table);
    }
    return 0;
  }
}

}  // namespace gradus
