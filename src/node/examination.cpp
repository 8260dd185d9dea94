#include "node/examination.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <fstream>
#include <system_error>
#include <thread>

#include "node/clock.h"
#include "node/cores.h"

namespace gradus {
namespace {

std::uint64_t finite(rlim_t value) { return value == RLIM_INFINITY ? 0 : value; }

std::uint64_t cgroup_memory_kib() {
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::uint64_t bytes = 0;
    if (std::ifstream(file) >> bytes && bytes < (1ULL << 60)) return bytes / 1024;
  }
  return 0;
}

/// The names of those that people put run directories on; from statfs(2) and linux/magic.h.
std::string file_system_name(const std::string& folder) {
  struct statfs status {};
  if (statfs(folder.c_str(), &status) != 0) return "unknown";
  struct Named {
    long magic;
    const char* name;
  };
  constexpr std::array<Named, 13> names{{{0x6969, "nfs"},
                                         {0x0BD00BD0, "lustre"},
                                         {0x47504653, "gpfs"},
                                         {0x19830326, "beegfs"},
                                         {0x00C36400, "ceph"},
                                         {0x65735546, "fuse"},
                                         {0x01021994, "tmpfs"},
                                         {0xEF53, "ext4"},
                                         {0x58465342, "xfs"},
                                         {0x794c7630, "overlayfs"},
                                         {0x9123683E, "btrfs"},
                                         {0x2FC12FC1, "zfs"},
                                         {0x01021997, "9p"}}};
  const auto it =
      std::find_if(names.begin(), names.end(), [&](const Named& one) { return one.magic == status.f_type; });
  return it != names.end() ? it->name : fmt::format("file system {:#x}", status.f_type);
}

bool holds(const std::string& file, const std::string& token) {
  std::ifstream stream(file);
  std::string text;
  return std::getline(stream, text) && text == token;
}

ProbeLock try_lock(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return ProbeLock::unknown;
  struct flock whole {};
  whole.l_type = F_WRLCK;
  const int result = fcntl(fd, F_OFD_SETLK, &whole);
  const int error = errno;
  close(fd);
  if (result == 0) return ProbeLock::ignored;
  return error == EAGAIN || error == EACCES ? ProbeLock::held : ProbeLock::broken;
}

bool can_make_a_file_beside(const std::string& probe_file) {
  const auto path = fmt::format("{}.{}.{}", probe_file, host_name(), getpid());
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  close(fd);
  unlink(path.c_str());
  return true;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

void add_limits(RankHealth& health) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    health.open_files = finite(limit.rlim_cur);
    health.open_files_hard = finite(limit.rlim_max);
  }
  if (getrlimit(RLIMIT_NPROC, &limit) == 0) health.processes = finite(limit.rlim_cur);
  struct sysinfo info {};
  if (sysinfo(&info) == 0) health.memory_kib = info.totalram * info.mem_unit / 1024;
  health.memory_limit_kib = cgroup_memory_kib();
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const auto kib = limit.rlim_cur / 1024;
    health.memory_limit_kib =
        health.memory_limit_kib == 0 ? kib : std::min<std::uint64_t>(kib, health.memory_limit_kib);
  }
  struct statvfs shm {};
  if (statvfs("/dev/shm", &shm) == 0) health.shm_free_kib = shm.f_bavail * shm.f_frsize / 1024;
}

void add_variables(RankHealth& health) {
  constexpr std::array names{
      "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK",
      "CUDA_DEVICE_ORDER",    "GRADUS_GPU_LIST",      "GRADUS_USE_GPU",      "OMP_NUM_THREADS",
      "SLURM_JOB_ID",         "SLURM_JOB_NODELIST",   "SLURM_NTASKS",        "SLURM_CPUS_PER_TASK",
      "SLURM_GPUS_ON_NODE",   "SLURM_GPUS_PER_TASK",  "SLURM_JOB_END_TIME",  "SLURM_CPU_BIND_TYPE"};
  for (const char* name : names) {
    if (const char* value = getenv(name)) health.variables.emplace_back(name, value);
  }
}

}  // namespace

ProbeFile::ProbeFile(const std::string& folder)
    : path_(fmt::format("{}/.gradus-doctor.{}.{}", folder, host_name(), getpid())),
      token_(fmt::format("{}.{:.6f}", getpid(), epoch_s())) {
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path_);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  fcntl(fd_, F_OFD_SETLK, &whole);  // when it fails, trying it finds out
  const auto line = token_ + "\n";
  if (write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) || fsync(fd_) != 0) {
    const int error = errno;
    unlink(path_.c_str());
    throw std::system_error(error, std::generic_category(), path_);
  }
}

ProbeFile::~ProbeFile() {
  unlink(path_.c_str());
  close(fd_);
}

RankHealth examine_this_rank(const std::string& probe_file, const std::string& token) {
  RankHealth health;
  health.machine_cores = static_cast<std::uint32_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  add_limits(health);
  add_variables(health);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!token.empty() && !(health.sees_probe = holds(probe_file, token)) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  health.file_system = file_system_name(folder_of(probe_file));
  if (!health.sees_probe) return health;
  health.can_write = can_make_a_file_beside(probe_file);
  health.lock = try_lock(probe_file);
  return health;
}

}  // namespace gradus
