#include "node/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <optional>

#include "node/clock.h"

namespace gradus {
namespace {

void nap_ms(long ms) {
  const timespec nap{0, ms * 1000000};
  nanosleep(&nap, nullptr);
}

std::string content(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char part[16384];
  for (ssize_t got; (got = read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(got));
  close(fd);
  return text;
}

/// As it was when the process was started; empty when it has none; nothing when there is nothing to be seen: it may not
/// be looked at, has no environment at all, or is just becoming another program (execve closes descriptors first).
std::optional<std::string> lineage_of(pid_t process) {
  const auto environment = content("/proc/" + std::to_string(process) + "/environ");
  if (environment.empty()) return std::nullopt;
  const std::string key = std::string(lineage_variable) + "=";
  for (std::size_t at = 0; at < environment.size();) {
    const auto end = std::min(environment.find('\0', at), environment.size());
    if (environment.compare(at, key.size(), key) == 0) {
      return environment.substr(at + key.size(), end - at - key.size());
    }
    at = end + 1;
  }
  return std::string();
}

}  // namespace

std::string lineage_of_rank(const std::string& life, std::uint32_t rank) {
  return life + "." + std::to_string(rank) + ".";
}

std::string lineage_of_attempt(const std::string& rank_lineage, std::uint32_t step, std::uint32_t attempt) {
  return rank_lineage + std::to_string(step + 1) + "." + std::to_string(attempt);
}

bool is_of_lineage(std::string_view lineage, std::string_view name) {
  const bool is_rank = name.ends_with('.');
  while (!lineage.empty()) {
    const auto one = lineage.substr(0, lineage.find('/'));
    if (is_rank ? one.starts_with(name) : one == name) return true;
    lineage.remove_prefix(std::min(one.size() + 1, lineage.size()));
  }
  return false;
}

Leftovers::Leftovers() {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const auto main_thread = std::to_string(getpid());
  // Not there on a kernel without CONFIG_PROC_CHILDREN: then only the groups are ended.
  children_fd_ = open(("/proc/self/task/" + main_thread + "/children").c_str(), O_RDONLY | O_CLOEXEC);
  known_ = orphans();
}

Leftovers::~Leftovers() {
  if (children_fd_ >= 0) close(children_fd_);
}

/// One system call when there are none, which is nearly always: this stands in the way of every step.
std::vector<pid_t> Leftovers::orphans() const {
  std::vector<pid_t> all;
  std::string text;
  char part[4096];
  while (children_fd_ >= 0) {
    const ssize_t got = pread(children_fd_, part, sizeof part, static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(part, static_cast<std::size_t>(got));
    if (static_cast<std::size_t>(got) < sizeof part / 2) break;
  }
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    pid_t process = 0;
    const auto [after, error] = std::from_chars(at, end, process);
    if (error == std::errc() && std::find(known_.begin(), known_.end(), process) == known_.end()) {
      all.push_back(process);
    }
    at = after + 1;
  }
  return all;
}

bool Leftovers::end(const std::string& attempt, const std::function<bool()>& nothing_else_runs, double within_s) {
  if (orphans().empty()) return true;
  const double until = monotonic_s() + within_s;
  for (long nap = 1;; nap = std::min(nap * 2, 50L)) {
    // Before the look, so that there is one after the time in any case: a machine that stands still for a second must
    // not make us say of a process which has long ended that it does not.
    const bool is_last = monotonic_s() > until;
    bool any = false;
    {
      const std::lock_guard lock(mutex_);
      const auto all = orphans();
      const bool also_unknown = nothing_else_runs();
      std::erase_if(unseen_,
                    [&all](const auto& one) { return std::find(all.begin(), all.end(), one.first) == all.end(); });
      for (const pid_t process : all) {
        if (waitpid(process, nullptr, WNOHANG) != 0) continue;  // it had ended
        const auto seen = lineage_of(process);
        if (seen) unseen_.erase(process);  // should it become another program
        if (!seen && !also_unknown && may_show_itself(process)) {
          any = true;
          continue;
        }
        const auto lineage = seen.value_or("");
        // Once it is dead its own children come to us: hence the next round.
        if (lineage.empty() ? !also_unknown : !is_of_lineage(lineage, attempt)) continue;
        any = true;
        kill(process, SIGKILL);
      }
    }
    if (!any) return true;
    if (is_last) return false;
    nap_ms(nap);
  }
}

/// With the mutex held. Only for a while, once in its life: what shows nothing for good (env -i, another user's) must
/// not hold up the end of every step. Long enough for execve on a busy machine, from a slow file system: a daemon that
/// is passed over here is asked after by nobody later.
bool Leftovers::may_show_itself(pid_t process) {
  constexpr double patience_s = 0.2;
  const double now = monotonic_s();
  return now - unseen_.try_emplace(process, now).first->second < patience_s;
}

void each_process(const std::function<void(pid_t)>& with) {
  DIR* processes = opendir("/proc");
  if (processes == nullptr) return;
  while (const dirent* entry = readdir(processes)) {
    pid_t process = 0;
    const char* name_end = entry->d_name + strlen(entry->d_name);
    if (std::from_chars(entry->d_name, name_end, process).ptr == name_end && process > 1) with(process);
  }
  closedir(processes);
}

std::vector<pid_t> end_lineage(std::string_view rank_lineage) {
  std::vector<pid_t> ended;
  // Each round may show children that the ones before it have had; two without any are the end.
  for (int round = 0, quiet = 0; round < 100 && quiet < 2; ++round) {
    const auto before = ended.size();
    each_process([&](pid_t process) {
      if (process == getpid() || !is_of_lineage(lineage_of(process).value_or(""), rank_lineage)) return;
      ended.push_back(process);
      kill(process, SIGKILL);
    });
    quiet = ended.size() > before ? 0 : quiet + 1;
    nap_ms(10);
  }
  std::sort(ended.begin(), ended.end());
  ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
  return ended;
}

}  // namespace gradus
