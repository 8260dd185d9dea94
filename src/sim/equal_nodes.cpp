#include "sim/equal_nodes.h"

#include <string>

namespace gradus {
namespace {

RankReport report_of(const EqualNodes& machine, std::uint32_t node, std::uint32_t rank) {
  RankReport report;
  report.rank = rank;
  report.host = "node" + std::to_string(node + 1);
  report.node = node;
  report.gpu_source = GpuSource::visible_list;
  for (std::uint32_t gpu = 0; gpu < machine.gpus_per_node; ++gpu) {
    const auto name = std::to_string(gpu);
    report.gpus.push_back({name, name, "", "", {}});
  }
  for (std::uint32_t core = 0; core < machine.cores_per_node; ++core) report.cores.push_back(core);
  return report;
}

}  // namespace

std::vector<RankReport> reports_of(const EqualNodes& machine) {
  std::vector<RankReport> reports;
  if (!machine.master_works) {
    reports.push_back(report_of(machine, 0, 0));
    reports.back().has_slots = false;
  }
  for (std::uint32_t node = 0; node < machine.nodes; ++node) {
    for (std::uint32_t local = 0; local < machine.ranks_per_node; ++local) {
      reports.push_back(report_of(machine, node, static_cast<std::uint32_t>(reports.size())));
      reports.back().local_rank = local;
    }
  }
  return reports;
}

}  // namespace gradus
