#include "core/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/number_ranges.h"
#include "core/size_text.h"

namespace gradus {
namespace {

class Examination {
 public:
  Examination(const std::vector<RankHealth>& ranks, std::string shared_folder)
      : ranks_(ranks), shared_folder_(std::move(shared_folder)) {}

  std::vector<Finding> findings() {
    for (const auto& rank : ranks_) {
      look_at_program(rank);
      look_at_gpus(rank);
      look_at_limits(rank);
      look_at_folder(rank);
      look_at_clock(rank);
    }
    look_at_cores();
    compare_gpus();
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    return std::move(found_);
  }

 private:
  void say(Severity severity, const std::string& where, std::string what) {
    Finding finding{severity, where, std::move(what)};
    if (std::find(found_.begin(), found_.end(), finding) == found_.end()) found_.push_back(std::move(finding));
  }

  void look_at_program(const RankHealth& rank) {
    if (rank.version != ranks_.front().version) {
      say(Severity::error, rank.report.host,
          fmt::format("runs gradus {}, rank 0 runs {}: install the same program on all nodes", rank.version,
                      ranks_.front().version));
    }
    if (rank.mpi_library != ranks_.front().mpi_library) {
      say(Severity::error, rank.report.host,
          fmt::format("has {}, rank 0 has {}: load the same MPI on all nodes", rank.mpi_library,
                      ranks_.front().mpi_library));
    }
  }

  void look_at_gpus(const RankHealth& rank) {
    const auto where = fmt::format("{} rank {}", rank.report.host, rank.report.rank);
    if (rank.gpu_trouble) {
      say(Severity::error, rank.report.host,
          rank.gpu_note + ": ask the staff to look at this node, or leave it out (sbatch --exclude)");
    }
    if (!rank.report.gpu_doubt.empty()) say(Severity::warning, where, rank.report.gpu_doubt);
  }

  void look_at_limits(const RankHealth& rank) {
    const auto& host = rank.report.host;
    constexpr std::uint64_t enough_files = 1024, enough_processes = 1000, enough_shm_kib = 64 * 1024;
    if (rank.open_files > 0 && rank.open_files < enough_files) {
      say(Severity::warning, host,
          fmt::format("a process may open {} files only: each slot needs six, MPI one for each host; ulimit -n {}",
                      rank.open_files, rank.open_files_hard == 0 ? 65536 : rank.open_files_hard));
    }
    if (rank.processes > 0 && rank.processes < enough_processes) {
      say(Severity::warning, host,
          fmt::format("its user may have {} processes and threads only: steps may fail to start; ulimit -u",
                      rank.processes));
    }
    if (rank.shm_free_kib < enough_shm_kib) {
      say(Severity::warning, host,
          fmt::format("/dev/shm has {} KiB free: MPI needs some MiB for each rank there; make it larger, or set "
                      "OMPI_MCA_btl=^vader",
                      rank.shm_free_kib));
    }
  }

  void look_at_folder(const RankHealth& rank) {
    const auto& host = rank.report.host;
    if (!ranks_.front().sees_probe) {
      if (&rank != &ranks_.front()) return;
      say(Severity::error, host,
          fmt::format("rank 0 cannot write to {}, where run directories are to be: choose another folder",
                      shared_folder_));
      return;
    }
    if (!rank.sees_probe) {
      say(Severity::error, host,
          fmt::format("does not see what rank 0 has written to {}: the run directory must be on a file system that "
                      "all nodes share (cd there, or --shared DIR to try another)",
                      shared_folder_));
      return;
    }
    if (!rank.can_write) {
      say(Severity::error, host, fmt::format("cannot write to {}: the steps' output goes there", shared_folder_));
    }
    if (rank.lock == ProbeLock::ignored) {
      say(Severity::warning, host,
          fmt::format("locks in {} ({}) do not hold between nodes: nobody will notice two runs on one run directory",
                      shared_folder_, rank.file_system));
    } else if (rank.lock == ProbeLock::broken) {
      say(Severity::warning, host,
          fmt::format("{} ({}) has no locks: nobody will notice two runs on one run directory (a Lustre file system "
                      "needs the mount option flock)",
                      shared_folder_, rank.file_system));
    }
  }

  void look_at_clock(const RankHealth& rank) {
    // What lies between asking and answering may be a slow start of a rank as well as its clock.
    const auto& master = ranks_.front();
    const double apart = rank.clock_s - std::clamp(rank.clock_s, master.asked_s, master.answered_s);
    if (std::fabs(apart) < 1) return;
    say(Severity::warning, rank.report.host,
        fmt::format("its clock is {:.0f} s {} rank 0's: times in the report will not fit together; start NTP",
                    std::fabs(apart), apart > 0 ? "ahead of" : "behind"));
  }

  void look_at_cores() {
    std::map<std::string, std::vector<const RankHealth*>> hosts;
    for (const auto& rank : ranks_) hosts[rank.report.host].push_back(&rank);
    for (const auto& [host, here] : hosts) {
      std::set<std::uint32_t> cores;
      for (const auto* rank : here) cores.insert(rank->report.cores.begin(), rank->report.cores.end());
      if (cores.size() >= here.front()->machine_cores || cores.size() > here.size()) continue;
      say(Severity::warning, host,
          fmt::format("its {} may use {} of {} cores, and so all their steps: mpirun --bind-to none, srun "
                      "--cpu-bind=none, or a larger --cpus-per-task",
                      here.size() == 1 ? "rank" : fmt::format("{} ranks", here.size()), cores.size(),
                      here.front()->machine_cores));
    }
  }

  /// All of a node's ranks see the same GPUs, or each its own; nothing in between.
  void compare_gpus() {
    for (const auto& a : ranks_) {
      for (const auto& b : ranks_) {
        if (a.report.rank >= b.report.rank || a.report.host != b.report.host) continue;
        const auto mine = identities(a), others = identities(b);
        std::vector<std::string> common;
        std::set_intersection(mine.begin(), mine.end(), others.begin(), others.end(), std::back_inserter(common));
        if (common.empty() || mine == others) continue;
        say(Severity::error, a.report.host,
            fmt::format("ranks {} and {} see partly the same GPUs: ask for GPUs by --gpus-per-node, not by task",
                        a.report.rank, b.report.rank));
      }
    }
  }

  static std::set<std::string> identities(const RankHealth& rank) {
    std::set<std::string> all;
    for (const auto& gpu : rank.report.gpus) all.insert(gpu.identity);
    return all;
  }

  const std::vector<RankHealth>& ranks_;
  std::string shared_folder_;
  std::vector<Finding> found_;
};

std::string limit(std::uint64_t value) { return value == 0 ? "no limit" : std::to_string(value); }

const char* word(ProbeLock lock) {
  switch (lock) {
    case ProbeLock::held: return "locks hold";
    case ProbeLock::ignored: return "locks do not hold";
    case ProbeLock::broken: return "no locks";
    case ProbeLock::unknown: return "locks not tried";
  }
  return "?";
}

std::string describe(const RankHealth& rank) {
  const auto& report = rank.report;
  auto text = fmt::format("rank {} on {}: gradus {}, {}\n", report.rank, report.host, rank.version, rank.mpi_library);
  text +=
      fmt::format("  cores   {} ({} of {})\n", number_ranges(report.cores), report.cores.size(), rank.machine_cores);
  text += fmt::format("  memory  {}{}\n", size_text(rank.memory_kib * 1024),
                      rank.memory_limit_kib > 0 ? ", limited to " + size_text(rank.memory_limit_kib * 1024) : "");
  text += fmt::format("  limits  {} open files ({} at most), processes: {}, /dev/shm {} free\n", limit(rank.open_files),
                      limit(rank.open_files_hard), limit(rank.processes), size_text(rank.shm_free_kib * 1024));
  text += fmt::format("  GPUs    {}: {}\n", report.gpus.size(), rank.gpu_note);
  for (const auto& gpu : report.gpus) {
    text += fmt::format("          {} {} {}\n", gpu.identity, gpu.pci, gpu.name);
  }
  text += fmt::format("  folder  {}, {}, {}, {}\n", rank.file_system, rank.sees_probe ? "shared" : "not shared",
                      rank.can_write ? "writable" : "not writable", word(rank.lock));
  for (const auto& [name, value] : rank.variables) text += fmt::format("  {}={}\n", name, value);
  return text;
}

nlohmann::json json_of(const RankHealth& rank) {
  const auto& report = rank.report;
  auto gpus = nlohmann::json::array();
  for (const auto& gpu : report.gpus) {
    gpus.push_back({{"identity", gpu.identity}, {"token", gpu.token}, {"pci", gpu.pci}, {"name", gpu.name}});
  }
  return {{"rank", report.rank},
          {"host", report.host},
          {"version", rank.version},
          {"mpi", rank.mpi_library},
          {"cores", report.cores},
          {"machine_cores", rank.machine_cores},
          {"open_files", rank.open_files},
          {"open_files_hard", rank.open_files_hard},
          {"processes", rank.processes},
          {"memory_kib", rank.memory_kib},
          {"memory_limit_kib", rank.memory_limit_kib},
          {"shm_free_kib", rank.shm_free_kib},
          {"gpus", gpus},
          {"gpu_note", rank.gpu_note},
          {"variables", rank.variables},
          {"clock_s", rank.clock_s},
          {"file_system", rank.file_system},
          {"shared", rank.sees_probe},
          {"writable", rank.can_write},
          {"locks", word(rank.lock)}};
}

}  // namespace

const char* word(Severity severity) {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "?";
}

std::vector<Finding> findings(const std::vector<RankHealth>& ranks, const std::string& shared_folder,
                              bool without_pmi) {
  auto found = Examination(ranks, shared_folder).findings();
  if (without_pmi) {
    found.insert(found.begin(),
                 {Severity::error, "",
                  "SLURM has started several tasks that know nothing of each other: srun --mpi=pmix (srun --mpi=list "
                  "shows what there is), or mpirun"});
  }
  return found;
}

std::string health_text(const std::vector<RankHealth>& ranks, const std::vector<Finding>& found) {
  std::string text;
  for (const auto& rank : ranks) text += describe(rank);
  text += found.empty() ? "nothing is wrong\n" : "\n";
  for (const auto& one : found) {
    text += fmt::format("{}: {}{}\n", word(one.severity), one.where.empty() ? "" : one.where + ": ", one.what);
  }
  return text;
}

std::string health_json(const std::vector<RankHealth>& ranks, const std::vector<Finding>& found) {
  nlohmann::json document{
      {"schema", "gradus-doctor/1"}, {"ranks", nlohmann::json::array()}, {"findings", nlohmann::json::array()}};
  for (const auto& rank : ranks) document["ranks"].push_back(json_of(rank));
  for (const auto& one : found) {
    document["findings"].push_back({{"severity", word(one.severity)}, {"where", one.where}, {"what", one.what}});
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace gradus
