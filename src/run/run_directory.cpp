#include "run/run_directory.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "core/log_names.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view lock_begin = "process ";
constexpr const char* kept_endings[] = {".txt", ".jsonl", ".json"};

[[noreturn]] void machine_refuses(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) machine_refuses("mkdir " + path);
}

/// True when the file begins like this, or ends before it can differ (killed while it was begun).
bool begins_with(const std::string& path, std::string_view first) {
  std::ifstream file(path, std::ios::binary);
  std::string begin(first.size(), '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(file.gcount()));
  return first.starts_with(begin);
}

bool is_there(const std::string& path) { return access(path.c_str(), F_OK) == 0; }
bool is_journal(const std::string& path) { return begins_with(path, "{\"life\":"); }

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) machine_refuses("write " + path);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

struct flock byte_lock(short type, std::int64_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

/// By a run that has locked it (Journal).
bool is_being_written(const std::string& journal) {
  const int fd = open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  auto theirs = byte_lock(F_WRLCK, 0);
  const bool is_locked = fcntl(fd, F_OFD_GETLK, &theirs) == 0 && theirs.l_type != F_UNLCK;
  close(fd);
  return is_locked;
}

/// A step that was being started when its run was killed holds both locks until it has had a turn to become its
/// program, or to die.
constexpr int most_looks = 50;
void nap_before_next_look() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

bool stays_written(const std::string& journal) {
  for (int look = 0; is_being_written(journal); ++look) {
    if (look == most_looks) return true;
    nap_before_next_look();
  }
  return false;
}

void remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) machine_refuses("remove " + path);
}

void remove_logs(const std::string& folder) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (is_log_name(entry.path().filename().string())) remove_file(entry.path());
  }
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string now_text() {
  return fmt::format("{:%FT%TZ}",
                     fmt::gmtime(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())));
}

}  // namespace

std::string default_run_directory(const std::string& steps_file) {
  if (steps_file == "-") return "stdin.run";
  auto path = fs::path(steps_file).replace_extension(".run").string();
  return path == steps_file ? path + ".run" : path;
}

RunDirectory::RunDirectory(const std::string& path, RunMode mode, const std::function<bool(double)>& goes_on_waiting)
    : path_(absolute(path)) {
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0) refuse_unsafe();
  fs::create_directories(fs::path(path_).parent_path());
  make_folder(path_);
  lock();
  // Only now: before the lock, another run could be making what is looked for here.
  refuse_earlier_run(mode);
  await_guardians(goes_on_waiting);
  if (mode == RunMode::restart && is_there(journal())) forget_earlier_run();
  make_folder(path_ + "/logs");
  for (const auto& folder : {path_, path_ + "/logs"}) close_to_others(folder);
}

/// One that was there before us may be open to others. One that is another's (we are root) is left as it is.
void RunDirectory::close_to_others(const std::string& folder) {
  struct stat status {};
  constexpr mode_t others = S_IWGRP | S_IWOTH;
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return;
  if (status.st_uid != geteuid() || (status.st_mode & others) == 0) return;
  const bool is_closed = chmod(folder.c_str(), status.st_mode & 07777U & ~others) == 0;
  warnings_.push_back(is_closed ? fmt::format("others could write to {}: now you alone can", folder)
                                : fmt::format("others can write to {} (chmod: {})", folder, strerrordesc_np(errno)));
}

std::string RunDirectory::absolute(const std::string& path) {
  auto whole = fs::absolute(path).lexically_normal().string();
  while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  return whole;
}

void RunDirectory::refuse_earlier_run(RunMode mode) const {
  if (!is_there(journal())) return;
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
  if (S_ISLNK(status.st_mode)) {
    throw RunDirectoryRefused(path_ + " is a symbolic link: name the folder itself with --run-dir");
  }
  if (!S_ISDIR(status.st_mode)) throw RunDirectoryRefused(path_ + " is not a folder: choose another with --run-dir");
  if (status.st_uid != geteuid() && geteuid() != 0) {
    throw RunDirectoryRefused(path_ + " belongs to another user: choose another with --run-dir");
  }
  const auto lock_file = lock_of(path_);
  const bool is_run =
      (is_there(journal()) && is_journal(journal())) || (is_there(lock_file) && begins_with(lock_file, lock_begin));
  if (!is_run && !fs::is_empty(path_)) {
    throw RunDirectoryRefused(path_ + " is there and holds no run of Gradus: choose another with --run-dir");
  }
}

/// An open-file-description lock: it holds between threads and processes alike, also over NFS, and goes with us.
void RunDirectory::lock() {
  const auto file = lock_of(path_);
  lock_ = Descriptor(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (lock_.get() < 0) machine_refuses("open " + file);
  if (!take_lock()) {
    if (errno == EAGAIN || errno == EACCES) {
      std::ifstream holder(file);
      std::string who;
      std::getline(holder, who);
      throw RunDirectoryRefused(fmt::format("{} is in use by {}", path_, who.empty() ? "another run" : who));
    }
    warnings_.push_back(
        fmt::format("{} cannot be locked ({}): make sure that no other run uses it", path_, strerrordesc_np(errno)));
  }
  if (stays_written(journal())) {
    throw RunDirectoryRefused(
        fmt::format("{} is in use: another run writes its journal, and somebody has removed its file `lock`", path_));
  }
  const auto text = fmt::format("{}{} on {} since {}\n", lock_begin, getpid(), host_name(), now_text());
  if (ftruncate(lock_.get(), 0) != 0) machine_refuses("write " + file);
  write_all(lock_.get(), text, file);
}

/// With errno where it cannot.
bool RunDirectory::take_lock() const {
  for (int look = 0;; ++look) {
    auto ours = byte_lock(F_WRLCK, run_byte);
    if (fcntl(lock_.get(), F_OFD_SETLK, &ours) == 0) return true;
    if ((errno != EAGAIN && errno != EACCES) || look == most_looks) return false;
    nap_before_next_look();
  }
}

/// A step must not run again beside an attempt that a killed run has left and that does not heed TERM, nor may its
/// guardian's last words (`interrupted`) come after ours.
void RunDirectory::await_guardians(const std::function<bool(double)>& goes_on_waiting) const {
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    auto theirs = byte_lock(F_WRLCK, guardians_byte);
    // Where it cannot be asked the warning about locks has been said.
    if (fcntl(lock_.get(), F_OFD_GETLK, &theirs) != 0 || theirs.l_type == F_UNLCK) return;
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - began;
    if (!goes_on_waiting(waited.count())) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw RunDirectoryRefused(fmt::format(
      "{} is in use: ranks of its last life, or guardians that end their steps, are still there (`gradus` and "
      "`gradus-guardian` on this machine): try again when its --lost-after is over, or end them",
      path_));
}

/// Only what we wrote ourselves goes. The journal last: killed in between, it still shows whose this is.
void RunDirectory::forget_earlier_run() const {
  remove_logs(path_ + "/logs");
  std::vector<std::string> aside;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path_, none)) {
    if (life_of_logs_put_aside(entry.path().filename().string()) > 0) aside.push_back(entry.path());
  }
  for (const auto& folder : aside) {
    remove_logs(folder);
    rmdir(folder.c_str());  // what others have put there stays
  }
  for (const char* ending : kept_endings) remove_file(path_ + "/steps" + ending);
  // Made by gradus report and gradus trace: they would tell of another run.
  for (const char* name : {"/report.html", "/trace.json"}) remove_file(path_ + name);
  remove_file(summary());
  remove_file(journal());
}

std::uint32_t RunDirectory::logs_are_aside_until() const {
  std::uint32_t last = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path_, none)) {
    last = std::max(last, life_of_logs_put_aside(entry.path().filename().string()));
  }
  return last;
}

bool RunDirectory::has_outputs() const {
  std::error_code none;
  const fs::directory_iterator logs(path_ + "/logs", none);
  return std::any_of(begin(logs), end(logs), [](const fs::directory_entry& entry) {
    return read_log_name(entry.path().filename().string()).has_value();
  });
}

std::string RunDirectory::put_logs_aside(std::uint32_t lives) const {
  const auto logs = path_ + "/logs";
  auto aside = logs_put_aside(lives);
  // It is there already where the last try to begin this life was cut off: nothing has run since.
  if (!is_there(path_ + "/" + aside) && rename(logs.c_str(), (path_ + "/" + aside).c_str()) != 0) {
    machine_refuses("rename " + logs + " to " + aside);
  }
  make_folder(logs);
  return aside;
}

void RunDirectory::keep_steps(const std::string& text, const std::string& ending, unsigned mode) const {
  write_atomically(path_ + "/steps" + ending, text, mode);
  for (const char* other : kept_endings) {
    if (other != ending) remove_file(path_ + "/steps" + other);
  }
}

bool is_runs_own(const std::string& run_dir, const std::string& path) {
  std::error_code none;
  const auto folder = fs::weakly_canonical(fs::absolute(path).parent_path(), none);
  const auto run = fs::weakly_canonical(fs::absolute(run_dir), none);
  const auto name = folder.filename().string();
  if (folder.parent_path() == run && (name == logs_folder || life_of_logs_put_aside(name) > 0)) return true;
  std::vector<std::string> own{"/journal.jsonl", "/summary.json", "/lock"};
  for (const char* ending : kept_endings) own.push_back(std::string("/steps") + ending);
  return std::any_of(own.begin(), own.end(),
                     [&](const std::string& file) { return fs::equivalent(run_dir + file, path, none); });
}

std::string kept_steps(const std::string& run_dir) {
  for (const char* ending : kept_endings) {
    auto path = run_dir + "/steps" + ending;
    if (is_there(path)) return path;
  }
  return {};
}

void write_atomically(const std::string& path, const std::string& text, unsigned mode) {
  const auto temporary = path + ".new";
  // One that was cut off may have left it, and with such a mode that its owner cannot write to it.
  unlink(temporary.c_str());
  try {
    const Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file.get() < 0) machine_refuses("open " + temporary);
    write_all(file.get(), text, temporary);
    // Without this, some file systems show an empty file under the new name after a power cut.
    if (fsync(file.get()) != 0 && errno != EINVAL) machine_refuses("fsync " + temporary);
    if (rename(temporary.c_str(), path.c_str()) != 0) machine_refuses("rename " + temporary);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
}

void write_in_place(const std::string& path, const std::string& text) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) machine_refuses("open " + path);
  write_all(file.get(), text, path);
  if (ftruncate(file.get(), static_cast<off_t>(text.size())) != 0) machine_refuses("cut " + path);
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace gradus
