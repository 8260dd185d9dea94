#include "run/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace gradus {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void machine_refuses(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) machine_refuses("mkdir " + path);
}

/// `17.out`, `17.2.err`: see core/log_names.h.
bool is_log_name(std::string_view name) {
  if (!name.ends_with(".out") && !name.ends_with(".err")) return false;
  name.remove_suffix(4);
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const auto dot = name.find('.');
  return is_number(name.substr(0, dot)) && (dot == std::string_view::npos || is_number(name.substr(dot + 1)));
}

/// A journal of ours begins with a life, or with as much of it as was written when it was killed.
bool is_journal(const std::string& path) {
  constexpr std::string_view first = "{\"life\":";
  std::ifstream file(path, std::ios::binary);
  std::string begin(first.size(), '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(file.gcount()));
  return first.starts_with(begin);
}

void remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) machine_refuses("remove " + path);
}

std::string now_text() {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())));
}

}  // namespace

std::string default_run_directory(const std::string& steps_file) {
  if (steps_file == "-") return "stdin.run";
  auto path = fs::path(steps_file).replace_extension(".run").string();
  return path == steps_file ? path + ".run" : path;
}

RunDirectory::RunDirectory(const std::string& path, RunMode mode)
    : path_(fs::absolute(path).lexically_normal().string()) {
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0) refuse_unsafe();
  fs::create_directories(fs::path(path_).parent_path());
  make_folder(path_);
  lock();
  try {
    // Only now: before the lock, another run could be making what is looked for here.
    refuse_earlier_run(mode);
    if (mode == RunMode::restart) forget_earlier_run();
    make_folder(path_ + "/logs");
  } catch (...) {
    unlock();
    throw;
  }
}

RunDirectory::~RunDirectory() { unlock(); }

/// Explicitly: a process that was started meanwhile and shares the descriptor would keep the lock.
void RunDirectory::unlock() {
  struct flock whole {};
  whole.l_type = F_UNLCK;
  whole.l_whence = SEEK_SET;
  fcntl(lock_fd_, F_OFD_SETLK, &whole);
  close(lock_fd_);
}

void RunDirectory::refuse_earlier_run(RunMode mode) const {
  if (access(journal().c_str(), F_OK) != 0) return;
  if (!is_journal(journal())) {
    throw RunDirectoryRefused(fmt::format("{} is no journal of Gradus: choose another with --run-dir", journal()));
  }
  if (mode == RunMode::fresh) {
    throw RunDirectoryRefused(
        fmt::format("{} holds an earlier run: --resume goes on with it, --restart begins again", path_));
  }
}

/// A link or somebody else's folder could lead our writing elsewhere.
void RunDirectory::refuse_unsafe() const {
  struct stat status {};
  if (lstat(path_.c_str(), &status) != 0) machine_refuses(path_);
  if (S_ISLNK(status.st_mode)) throw RunDirectoryRefused(path_ + " is a symbolic link: name the folder itself with --run-dir");
  if (!S_ISDIR(status.st_mode)) throw RunDirectoryRefused(path_ + " is not a folder: choose another with --run-dir");
  if (status.st_uid != geteuid() && geteuid() != 0) {
    throw RunDirectoryRefused(path_ + " belongs to another user: choose another with --run-dir");
  }
  const bool is_run = fs::exists(path_ + "/lock") || fs::exists(journal());
  if (!is_run && !fs::is_empty(path_)) {
    throw RunDirectoryRefused(path_ + " is there and holds no run of Gradus: choose another with --run-dir");
  }
}

/// Open-file-description locks: they work between threads and processes alike, and over NFS, and go with us.
void RunDirectory::lock() {
  const auto file = path_ + "/lock";
  lock_fd_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (lock_fd_ < 0) machine_refuses("open " + file);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(lock_fd_, F_OFD_SETLK, &whole) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      std::ifstream holder(file);
      std::string who;
      std::getline(holder, who);
      close(lock_fd_);
      throw RunDirectoryRefused(fmt::format("{} is in use by {}", path_, who.empty() ? "another run" : who));
    }
    warning_ = fmt::format("{} is on a file system that cannot lock: make sure that no other run uses it", path_);
  }
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const auto text = fmt::format("process {} on {} since {}\n", getpid(), host, now_text());
  if (ftruncate(lock_fd_, 0) != 0 || pwrite(lock_fd_, text.data(), text.size(), 0) < 0) {
    const int error = errno;
    unlock();
    errno = error;
    machine_refuses("write " + file);
  }
}

/// Only what we wrote ourselves goes. The journal last: killed in between, it still shows whose this is.
void RunDirectory::forget_earlier_run() const {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path_ + "/logs", none)) {
    if (is_log_name(entry.path().filename().string())) remove_file(entry.path());
  }
  remove_file(summary());
  remove_file(journal());
}

/// An error must not look like an empty journal: that would be begun anew.
std::string RunDirectory::journal_text() const {
  const int fd = open(journal().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return {};
  if (fd < 0) machine_refuses("open " + journal());
  std::string text;
  std::size_t have = 0;
  struct stat status {};
  if (fstat(fd, &status) == 0) text.reserve(static_cast<std::size_t>(status.st_size) + 4096);
  for (;;) {
    text.resize(std::max(text.capacity(), have + 4096));
    const ssize_t got = read(fd, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      close(fd);
      errno = error;
      machine_refuses("read " + journal());
    }
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  close(fd);
  text.resize(have);
  return text;
}

void write_atomically(const std::string& path, const std::string& text) {
  const auto temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) machine_refuses("open " + temporary);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      const int error = errno;
      close(fd);
      errno = error;
      machine_refuses("write " + temporary);
    }
    done += static_cast<std::size_t>(wrote);
  }
  fsync(fd);
  close(fd);
  if (rename(temporary.c_str(), path.c_str()) != 0) machine_refuses("rename " + temporary);
}

}  // namespace gradus
