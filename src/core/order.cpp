#include "core/order.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace gradus {
namespace {

/// Where a prerequisite's outputs are to be found, as seen from where gradus was started.
void add_outputs(const Graph& graph, StepIndex needed, std::vector<std::string>& paths) {
  const auto& folder = graph.options(needed).cwd;
  // Marks in the folder were expanded by the rank that ran it; nobody else can say where that was.
  if (folder.find("%(") != std::string::npos) return;
  for (auto& path : split_zero_terminated(graph.step(needed).creates)) {
    const bool is_absolute = path.starts_with('/') || folder.empty();
    paths.push_back(is_absolute ? std::move(path) : folder + "/" + path);
  }
}

/// The workers of one node are added up.
std::vector<std::pair<std::string, std::uint32_t>> hosts_of(const LaunchAttempt& launch, const WorkerHosts& hosts) {
  std::vector<std::pair<std::string, std::uint32_t>> list;
  const auto add = [&](WorkerId worker) {
    const auto it = hosts.find(worker);
    if (it == hosts.end()) return;
    if (list.empty() || list.back().first != it->second.host) list.emplace_back(it->second.host, 0);
    list.back().second += it->second.slots;
  };
  add(launch.worker);
  for (const auto worker : launch.with) add(worker);
  return list;
}

}  // namespace

std::vector<std::string> split_zero_terminated(std::string_view list) {
  std::vector<std::string> texts;
  while (!list.empty()) {
    const auto end = list.find('\0');
    texts.emplace_back(list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return texts;
}

WorkerHosts worker_hosts(const Plan& plan) {
  WorkerHosts hosts;
  for (const auto& rank : plan.ranks) hosts[rank.rank] = {rank.host, static_cast<std::uint32_t>(rank.slots.size())};
  return hosts;
}

AttemptOrder make_order(const Graph& graph, const LaunchAttempt& launch, const WorkerHosts& hosts) {
  const auto& step = graph.step(launch.step);
  const auto& options = graph.options(launch.step);
  AttemptOrder order;
  order.step = launch.step;
  order.attempt = launch.attempt;
  order.number = launch.attempt - launch.called_back;
  order.slots = launch.slots;
  order.gpus = launch.gpus;
  order.cpus = options.cpus;
  order.is_argv = step.is_argv;
  order.is_awaited = !graph.dependents(launch.step).empty();
  order.mask_gpus = options.gpus.value_or(0) > 0 && !step.has_gpu_mark;
  order.timeout_s = options.timeout_s;
  order.id = graph.name(launch.step);
  order.command = step.command;
  order.cwd = options.cwd;
  order.env = options.env;
  if (options.nodes > 0) order.hosts = hosts_of(launch, hosts);
  order.creates = split_zero_terminated(step.creates);
  for (const auto needed : graph.needs(launch.step)) {
    if (!graph.is_barrier(needed)) {
      add_outputs(graph, needed, order.awaited);
      continue;
    }
    // What only has to have ended may never have made it. Of thousands only the last: each step behind the barrier
    // would look for the outputs of all.
    if (graph.barrier_kind(needed) == BarrierKind::ended) continue;
    constexpr std::size_t most = 32;
    const auto before = graph.needs(needed);
    std::vector<std::string> paths;
    for (const auto one : before.subspan(before.size() - std::min(most, before.size()))) {
      if (!graph.is_barrier(one) && paths.size() < most) add_outputs(graph, one, paths);
    }
    paths.resize(std::min(most, paths.size()));
    std::move(paths.begin(), paths.end(), std::back_inserter(order.awaited));
  }
  return order;
}

std::vector<std::pair<WorkerId, WorkerShape>> worker_shapes(const Plan& plan) {
  std::vector<std::pair<WorkerId, WorkerShape>> shapes;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> gpu_numbers;
  for (const auto& rank : plan.ranks) {
    if (rank.slots.empty()) continue;
    WorkerShape shape;
    shape.node = rank.node;
    for (const auto& slot : rank.slots) {
      SlotShape& one = shape.slots.emplace_back();
      one.cores = slot.cores;
      for (const auto& gpu : slot.gpus) {
        const auto next = static_cast<std::uint32_t>(gpu_numbers.size());
        one.gpus.push_back(gpu_numbers.try_emplace({rank.node, gpu.identity}, next).first->second);
      }
    }
    shapes.emplace_back(rank.rank, std::move(shape));
  }
  return shapes;
}

std::vector<Fact> joining_facts(const Plan& plan) {
  auto shapes = worker_shapes(plan);
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    facts.emplace_back(WorkerJoined{shapes[i].first, std::move(shapes[i].second), i + 1 < shapes.size()});
  }
  return facts;
}

std::string command_line(const Graph& graph, StepIndex step) {
  std::string text(graph.step(step).command);
  if (graph.step(step).is_argv && !text.empty()) text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

}  // namespace gradus
