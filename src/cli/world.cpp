#include "cli/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "core/granted_gpus.h"
#include "mpi/mpi_cluster.h"
#include "mpi/worker_rank.h"
#include "node/clock.h"
#include "node/cores.h"
#include "node/examination.h"
#include "node/gpu_discovery.h"
#include "node/local_cluster.h"
#include "node/signals.h"
#include "node/tell.h"
#include "run/run_directory.h"

namespace gradus::cli {
namespace {

/// How long a rank's steps may go on after the rank is gone: the run's grace, but not for long, since the
/// slots of other jobs may be waiting for the GPU.
double guardian_grace_s(const RunSettings& settings) { return std::min(settings.grace_s, 2.0); }

/// Before a rank starts steps.
void prepare_for_the_worst(Guardian& guardian, const RunSettings& settings) {
  guardian.set_grace(guardian_grace_s(settings));
  tell_when_paused(guardian.paused_cell());
}

/// `clock_s`: this rank's clock when it was asked.
RankHealth health_of_this_rank(std::uint32_t rank, const std::string& probe_file, const std::string& token,
                               double clock_s) {
  auto health = examine_this_rank(probe_file, token);
  health.clock_s = clock_s;
  const auto found = discover_gpus({"/proc/self/exe", "__probe-gpus"}, 10);
  health.version = GRADUS_VERSION;
  health.mpi_library = mpi_library();
  health.gpu_note = found.note.empty() ? "as the driver says" : found.note;
  health.gpu_trouble = found.trouble;
  health.report = report_of_this_rank(rank, false);
  health.report.gpu_doubt = doubt_about_grant(found, [](const char* name) { return std::getenv(name); });
  health.report.gpus = found.gpus;
  return health;
}

struct Probe {
  std::unique_ptr<ProbeFile> file;  ///< null: nothing can be written there, and the token is empty
  std::string path, token;
};

Probe try_probe(const std::string& folder) {
  try {
    auto file = std::make_unique<ProbeFile>(folder);
    auto path = file->path(), token = file->token();
    return {std::move(file), std::move(path), std::move(token)};
  } catch (const std::system_error&) {
    return {nullptr, folder + "/.gradus-doctor", ""};
  }
}

class WorldOfOne : public World {
 public:
  WorldOfOne(const StepEnvironment& environment, Guardian& guardian, bool under_mpirun)
      : World(environment, guardian), signals_(under_mpirun ? SignalRules::under_mpirun : SignalRules::alone) {}

  bool alone() const override { return true; }
  SignalRules signal_rules() const override { return signals_; }
  std::vector<RankReport> ask(bool look_for_gpus, bool /*master_works*/) override {
    return {report_of_this_rank(0, look_for_gpus)};
  }
  std::vector<RankHealth> examine(const std::string& folder) override {
    const auto probe = try_probe(folder);
    auto health = health_of_this_rank(0, probe.path, probe.token, epoch_s());
    health.asked_s = health.answered_s = health.clock_s;
    return {health};
  }
  std::unique_ptr<Cluster> start(std::shared_ptr<const Graph> graph, const Plan& plan,
                                 const RunSettings& settings) override {
    prepare_for_the_worst(guardian_, settings);
    guardian_.set_begun(0);
    return std::make_unique<LocalCluster>(std::move(graph), plan, settings, environment_, guardian_, signals_);
  }
  void dismiss() override {}

 private:
  SignalRules signals_;
};

/// `ranks_beside_master`: on this rank's node, when rank 0 is there; else 0.
RankReport report_with_place(const MpiEnvironment& mpi, const Invitation& invitation,
                             std::uint32_t& ranks_beside_master) {
  auto report = report_of_this_rank(mpi.rank(), invitation.look_for_gpus);
  report.has_slots = mpi.rank() != 0 || invitation.master_works;
  const auto place = find_node_place(mpi, report.has_slots);
  report.node = place.node;
  report.local_rank = place.local_rank;
  ranks_beside_master = place.node == 0 ? place.ranks : 0;
  return report;
}

class WorldOfRanks : public World {
 public:
  WorldOfRanks(const MpiEnvironment& mpi, const StepEnvironment& environment, Guardian& guardian)
      : World(environment, guardian), mpi_(mpi) {}
  ~WorldOfRanks() override {
    if (stage_ != Stage::started) dismiss();
  }

  bool alone() const override { return false; }
  SignalRules signal_rules() const override { return SignalRules::under_mpirun; }

  std::vector<RankReport> ask(bool look_for_gpus, bool master_works) override {
    const Invitation invitation{true, look_for_gpus, master_works, false, "", ""};
    mpi_.broadcast(to_bytes(invitation));
    stage_ = Stage::asked;
    std::vector<RankReport> reports;
    for (const auto& bytes : mpi_.gather(to_bytes(report_with_place(mpi_, invitation, ranks_here_)))) {
      auto report = read_rank_report(bytes);
      if (!report) throw std::runtime_error(fmt::format("rank {} sent a report that cannot be read", reports.size()));
      report->rank = static_cast<std::uint32_t>(reports.size());  // what MPI says, not the message
      reports.push_back(std::move(*report));
    }
    return reports;
  }

  std::vector<RankHealth> examine(const std::string& folder) override {
    const auto probe = try_probe(folder);
    const double asked_s = epoch_s();
    mpi_.broadcast(to_bytes(Invitation{true, true, false, true, probe.path, probe.token}));
    stage_ = Stage::started;
    mpi_.gather({});  // all have looked at their clocks
    const double answered_s = std::max(asked_s, epoch_s());
    std::vector<RankHealth> all;
    for (const auto& bytes : mpi_.gather(to_bytes(health_of_this_rank(0, probe.path, probe.token, asked_s)))) {
      auto health = read_rank_health(bytes);
      if (!health) throw std::runtime_error(fmt::format("rank {} sent a word that cannot be read", all.size()));
      health->report.rank = static_cast<std::uint32_t>(all.size());
      all.push_back(std::move(*health));
    }
    all.front().asked_s = asked_s;
    all.front().answered_s = answered_s;
    return all;
  }

  std::unique_ptr<Cluster> start(std::shared_ptr<const Graph> graph, const Plan& plan,
                                 const RunSettings& settings) override {
    std::vector<std::string> orders;
    for (const auto& rank : plan.ranks) orders.push_back(to_bytes(StartOrder{true, rank, settings}));
    mpi_.scatter(orders);
    stage_ = Stage::started;
    prepare_for_the_worst(guardian_, settings);
    guardian_.set_begun(ranks_here_);
    return std::make_unique<MpiCluster>(std::move(graph), plan, settings, environment_, guardian_, mpi_);
  }

  void dismiss() override {
    if (stage_ == Stage::silent) mpi_.broadcast(to_bytes(Invitation{}));
    if (stage_ == Stage::asked) mpi_.scatter(std::vector<std::string>(mpi_.size(), to_bytes(StartOrder{})));
    stage_ = Stage::started;
  }

 private:
  enum class Stage { silent, asked, started };
  const MpiEnvironment& mpi_;
  Stage stage_ = Stage::silent;
  std::uint32_t ranks_here_ = 0;
};

}  // namespace

RankReport report_of_this_rank(std::uint32_t rank, bool look_for_gpus) {
  RankReport report;
  report.rank = rank;
  report.host = host_name();
  report.cores = usable_cores();
  if (!look_for_gpus) return report;
  auto found = discover_gpus({"/proc/self/exe", "__probe-gpus"}, 10);
  report.gpu_doubt = doubt_about_grant(found, [](const char* name) { return std::getenv(name); });
  report.gpu_source = found.source;
  report.gpu_vendor = found.vendor;
  report.gpus = std::move(found.gpus);
  for (auto& gpu : report.gpus) gpu.near_cores = cores_near_device(gpu.pci);
  if (found.trouble) tell(stderr, "gradus: {} (rank {}): {}\n", report.host, rank, found.note);
  return report;
}

std::unique_ptr<World> world_of_one(const StepEnvironment& environment, Guardian& guardian, bool under_mpirun) {
  return std::make_unique<WorldOfOne>(environment, guardian, under_mpirun);
}

std::unique_ptr<World> world_of_ranks(const MpiEnvironment& mpi, const StepEnvironment& environment,
                                      Guardian& guardian) {
  return std::make_unique<WorldOfRanks>(mpi, environment, guardian);
}

int take_part(const MpiEnvironment& mpi, const StepEnvironment& environment, Guardian& guardian) {
  const auto invitation = read_invitation(mpi.broadcast(""));
  if (!invitation) throw std::runtime_error("rank 0 sent an invitation that cannot be read");
  if (!invitation->start) return 0;
  if (invitation->examine) {
    const double clock_s = epoch_s();
    mpi.gather({});
    mpi.gather(to_bytes(health_of_this_rank(mpi.rank(), invitation->probe_file, invitation->probe_token, clock_s)));
    return 0;
  }
  std::uint32_t ranks_beside_master = 0;
  const auto report = report_with_place(mpi, *invitation, ranks_beside_master);
  mpi.gather(to_bytes(report));
  const auto order = read_start_order(mpi.scatter({}));
  if (!order) throw std::runtime_error("rank 0 sent a start order that cannot be read");
  if (!order->start) return 0;
  prepare_for_the_worst(guardian, order->settings);
  // On rank 0's machine, where that lock has just been had. On others a lock that hangs would leave steps unguarded.
  if (report.node == 0) {
    guardian.hold(RunDirectory::lock_of(order->settings.run_dir), RunDirectory::guardians_byte);
  }
  guardian.set_begun(ranks_beside_master);
  const auto end = run_worker_rank(*order, environment, guardian);
  if (end != WorkerEnd::in_peace) mpi.abandon();
  if (end == WorkerEnd::forsaken) return 3;
  guardian.dismiss();
  return 0;
}

}  // namespace gradus::cli
