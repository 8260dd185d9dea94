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
bool is_ours(std::string name) {
  if (!name.ends_with(".out") && !name.ends_with(".err")) return false;
  name.resize(name.size() - 4);
  return !name.empty() && name.find_first_not_of("0123456789.") == std::string::npos && name[0] != '.';
}

}  // namespace

std::string default_run_directory(const std::string& steps_file) {
  if (steps_file == "-") return "stdin.run";
  return fs::path(steps_file).replace_extension(".run").string();
}

RunDirectory::RunDirectory(const std::string& path, RunMode mode) : path_(fs::absolute(path).lexically_normal().string()) {
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  struct stat status {};
  const bool there = lstat(path_.c_str(), &status) == 0;
  if (there) refuse_unsafe();
  const bool has_run = there && access(journal().c_str(), F_OK) == 0;
  if (has_run && mode == RunMode::fresh) {
    throw RunDirectoryRefused(fmt::format("{} holds an earlier run: --resume goes on with it, --restart begins again", path_));
  }
  if (there && !has_run && !fs::is_empty(path_) && !fs::exists(path_ + "/lock")) {
    throw RunDirectoryRefused(fmt::format("{} is there and holds no run of Gradus: choose another with --run-dir", path_));
  }
  make_folder(path_);
  lock();
  if (mode == RunMode::restart) forget_earlier_run();
  make_folder(path_ + "/logs");
}

RunDirectory::~RunDirectory() {
  if (lock_fd_ >= 0) close(lock_fd_);
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
      throw RunDirectoryRefused(fmt::format("{} is in use by {}", path_, who.empty() ? "another run" : who));
    }
    warning_ = fmt::format("{} is on a file system that cannot lock: make sure that no other run uses it", path_);
  }
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const auto text = fmt::format("process {} on {}\n", getpid(), host);
  if (ftruncate(lock_fd_, 0) != 0 || pwrite(lock_fd_, text.data(), text.size(), 0) < 0) machine_refuses("write " + file);
}

/// Only what we wrote ourselves goes.
void RunDirectory::forget_earlier_run() const {
  unlink(journal().c_str());
  unlink(summary().c_str());
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path_ + "/logs", none)) {
    if (is_ours(entry.path().filename().string())) unlink(entry.path().c_str());
  }
}

std::string RunDirectory::journal_text() const {
  std::ifstream file(journal(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
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
