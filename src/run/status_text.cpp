#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "run/slot_place.h"
#include "run/status.h"
#include "run/summary.h"

namespace gradus {
namespace {

/// Two days apart would show the same time of day.
constexpr double one_day_s = 86400;

std::tm local(double epoch_s) {
  const auto seconds = static_cast<std::time_t>(epoch_s);
  std::tm broken_down{};
  localtime_r(&seconds, &broken_down);
  return broken_down;
}

std::string head(const RunStatus& status) {
  const double until = status.state == "running" ? status.now : status.last;
  auto line = fmt::format("{}  {}", printable(status.run), printable(status.state_text));
  if (status.life == 0) return line + "\n";
  line += fmt::format("; {} {}, {}", status.state == "running" ? "since" : "began",
                      time_in_words(status.began, status.now), duration_text(until - status.began));
  if (status.life > 1) line += fmt::format(", life {}", status.life);
  if (status.exit_code) line += fmt::format(", exit code {}", *status.exit_code);
  return line + "\n";
}

std::string steps_line(const RunStatus& status) {
  const auto& counts = status.counts;
  auto line = fmt::format("  steps      {} of {} done: {} succeeded", counts.succeeded + counts.failed + counts.skipped,
                          counts.total, counts.succeeded);
  if (counts.kept > 0) line += fmt::format(" ({} in an earlier life)", counts.kept);
  if (counts.failed > 0) line += fmt::format(", {} failed", counts.failed);
  if (counts.skipped > 0) line += fmt::format(", {} skipped", counts.skipped);
  line += fmt::format("; {} {}, {} waiting\n", counts.running, status.is_broken_off() ? "cut off" : "running",
                      counts.waiting);
  return line;
}

std::string rate_line(const RunStatus& status) {
  if (status.rate_per_s <= 0) return "";
  const double rate = status.rate_per_s;
  auto line = rate >= 1 ? fmt::format("  rate       {:.1f} steps/s", rate)
                        : fmt::format("  rate       {:.1f} steps/min", rate * 60);
  if (status.left_s && *status.left_s <= 0) {
    line += ", what runs takes longer than expected";
  } else if (status.left_s) {
    line += fmt::format(", about {} left (until {})", duration_text(*status.left_s),
                        time_in_words(status.now + *status.left_s, status.now));
  }
  return line + "\n";
}

std::string limit_line(const RunStatus& status) {
  if (!status.until || status.state != "running") return "";
  return fmt::format("  limit      running steps are ended {}, in {}\n", time_in_words(*status.until, status.now),
                     duration_text(std::max(0.0, *status.until - status.now)));
}

/// Slots of one node, whatever ranks they belong to.
struct NodeLine {
  std::string host;
  std::uint32_t gpu_slots = 0, gpu_busy = 0, cpu_slots = 0, cpu_busy = 0, quarantined = 0;
};

std::string node_lines(const RunStatus& status, std::size_t most) {
  std::map<std::uint32_t, NodeLine> nodes;
  for (const auto& worker : status.workers) {
    if (worker.lost) continue;
    auto& node = nodes[worker.node];
    node.host = worker.host;
    for (const auto& slot : worker.slots) {
      ++(slot.gpus.empty() ? node.cpu_slots : node.gpu_slots);
      (slot.gpus.empty() ? node.cpu_busy : node.gpu_busy) += slot.is_busy ? 1 : 0;
      node.quarantined += slot.is_quarantined ? 1 : 0;
    }
  }
  std::string text;
  std::size_t shown = 0;
  for (const auto& [number, node] : nodes) {
    if (++shown > most) continue;
    std::string parts;
    if (node.gpu_slots > 0) parts = fmt::format("{} of {} GPU slots busy", node.gpu_busy, node.gpu_slots);
    if (node.cpu_slots > 0) {
      parts +=
          fmt::format("{}{} of {} slots without GPU busy", parts.empty() ? "" : ", ", node.cpu_busy, node.cpu_slots);
    }
    if (node.quarantined > 0) parts += fmt::format(", {} quarantined", node.quarantined);
    text += fmt::format("  node       {}: {}\n", printable(node.host), parts);
  }
  if (nodes.size() > most) text += fmt::format("  node       and {} more\n", nodes.size() - most);
  return text;
}

std::string trouble_lines(const RunStatus& status) {
  std::string text;
  if (!status.damage.empty()) text += fmt::format("  journal    {}\n", printable(status.damage));
  for (const auto& stop : status.stops) {
    text += fmt::format("  {:<10} {} {}\n", stop.kind, time_in_words(stop.t, status.now), printable(stop.why));
  }
  for (const auto& worker : status.workers) {
    if (!worker.lost) continue;
    text += fmt::format("  lost       rank {} on {} {}: {}\n", worker.worker, printable(worker.host),
                        time_in_words(*worker.lost, status.now), printable(worker.why_lost));
  }
  for (const auto& bad : status.quarantines) {
    std::string host = "?";
    for (const auto& worker : status.workers) {
      if (worker.worker == bad.worker) host = worker.host;
    }
    text +=
        fmt::format("  quarantined {} {}: {} steps in a row failed there\n",
                    printable(slot_in_words(host, bad.slot, bad.gpus)), time_in_words(bad.t, status.now), bad.failures);
  }
  return text;
}

/// Of a run that was broken off: to its last record, behind which nothing is known.
double seconds_so_far(const RunStatus& status, const RunStatus::Running& one) {
  return std::max(0.0, (status.is_broken_off() ? status.last : status.now) - one.since);
}

std::string running_lines(const RunStatus& status, std::size_t most) {
  const auto* const label = status.is_broken_off() ? "cut off" : "running";
  std::string text;
  std::size_t shown = 0, waiting_there = 0;
  for (const auto& one : status.running) {
    if (one.waits) {
      ++waiting_there;
      continue;
    }
    if (++shown > most) continue;
    text += fmt::format("  {:<10} {}  {}  since {}{}{}\n", label, printable(one.step), printable(one.place),
                        time_in_words(one.since, status.now),
                        status.is_broken_off() ? "" : fmt::format(" ({})", duration_text(seconds_so_far(status, one))),
                        one.number > 1 ? fmt::format(", attempt {}", one.number) : "");
  }
  if (shown > most) text += fmt::format("  {:<10} and {} more: --running shows all\n", label, shown - most);
  if (waiting_there > 0) {
    const bool is_one = waiting_there == 1;
    const auto* const waits = status.is_broken_off() ? "waited" : is_one ? "waits" : "wait";
    text += fmt::format("  {:<10} and {} {} at {}\n", label,
                        is_one ? "1 short one" : fmt::format("{} short ones", waiting_there), waits,
                        is_one ? "its slot" : "their slots");
  }
  return text;
}

std::string failed_lines(const RunStatus& status, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, status.failed.size()); ++i) {
    const auto& one = status.failed[i];
    text += fmt::format("  failed     {}  {}: {}, attempt {}, {}\n", printable(one.step), printable(one.place),
                        printable(one.what), one.number, time_in_words(one.at, status.now));
  }
  if (status.failed.size() > most) {
    text += fmt::format("  failed     and {} more: --failed shows all\n", status.failed.size() - most);
  }
  return text;
}

nlohmann::json json_of(const RunStatus::Worker& worker) {
  nlohmann::json document{{"rank", worker.worker},
                          {"node", worker.node},
                          {"host", worker.host},
                          {"lost", nullptr},
                          {"slots", nlohmann::json::array()}};
  if (worker.lost) document["lost"] = {{"at", time_iso(*worker.lost)}, {"why", worker.why_lost}};
  for (const auto& slot : worker.slots) {
    document["slots"].push_back(
        {{"slot", slot.number}, {"gpus", slot.gpus}, {"busy", slot.is_busy}, {"quarantined", slot.is_quarantined}});
  }
  return document;
}

}  // namespace

std::string time_in_words(double epoch_s, double now) {
  const auto then = local(epoch_s), today = local(now);
  const bool same_day = std::abs(now - epoch_s) < one_day_s && then.tm_yday == today.tm_yday;
  return same_day ? fmt::format("{:%H:%M:%S}", then) : fmt::format("{:%Y-%m-%d %H:%M:%S}", then);
}

std::string time_iso(double epoch_s) {
  auto text = fmt::format("{:%FT%T%z}", local(epoch_s));
  // strftime's +0100 is not ISO's extended form.
  if (text.size() > 5) text.insert(text.size() - 2, ":");
  return text;
}

std::string text(const RunStatus& status, const StatusView& view) {
  if (view.only_failed) return failed_lines(status, status.failed.size());
  if (view.only_running) return running_lines(status, status.running.size());
  if (status.life == 0) return head(status);
  return head(status) + steps_line(status) + rate_line(status) + limit_line(status) +
         node_lines(status, view.most_nodes) + trouble_lines(status) + running_lines(status, view.most_running) +
         failed_lines(status, view.most_failed);
}

std::string json(const RunStatus& status) {
  nlohmann::json document{{"version", 1},
                          {"run", status.run},
                          {"state", status.state},
                          {"state_text", status.state_text},
                          {"steps_file", status.steps_file},
                          {"life", status.life},
                          {"now", time_iso(status.now)},
                          {"began", nullptr},
                          {"last_record", nullptr},
                          {"exit_code", nullptr},
                          {"until", nullptr},
                          {"steps",
                           {{"total", status.counts.total},
                            {"succeeded", status.counts.succeeded},
                            {"succeeded_before", status.counts.kept},
                            {"failed", status.counts.failed},
                            {"skipped", status.counts.skipped},
                            {"running", status.counts.running},
                            {"waiting", status.counts.waiting}}},
                          {"rate_per_s", status.rate_per_s},
                          {"left_s", nullptr},
                          {"slots", {{"there", status.slots_there()}, {"busy", status.slots_busy()}}},
                          {"running", nlohmann::json::array()},
                          {"failed", nlohmann::json::array()},
                          {"workers", nlohmann::json::array()},
                          {"quarantined", nlohmann::json::array()},
                          {"stops", nlohmann::json::array()},
                          {"journal_damage", status.damage}};
  if (status.life > 0) document["began"] = time_iso(status.began), document["last_record"] = time_iso(status.last);
  if (status.exit_code) document["exit_code"] = *status.exit_code;
  if (status.until) document["until"] = time_iso(*status.until);
  if (status.left_s) document["left_s"] = *status.left_s;
  for (const auto& one : status.running) {
    document["running"].push_back({{"step", one.step},
                                   {"attempt", one.number},
                                   {"place", one.place},
                                   {"since", time_iso(one.since)},
                                   {"seconds", seconds_so_far(status, one)},
                                   {"waits_at_slot", one.waits}});
  }
  for (const auto& one : status.failed) {
    document["failed"].push_back({{"step", one.step},
                                  {"attempt", one.number},
                                  {"place", one.place},
                                  {"what", one.what},
                                  {"at", time_iso(one.at)}});
  }
  for (const auto& worker : status.workers) document["workers"].push_back(json_of(worker));
  for (const auto& bad : status.quarantines) {
    document["quarantined"].push_back({{"slot", bad.slot},
                                       {"rank", bad.worker},
                                       {"gpus", bad.gpus},
                                       {"failures", bad.failures},
                                       {"at", time_iso(bad.t)}});
  }
  for (const auto& stop : status.stops) {
    document["stops"].push_back({{"kind", stop.kind}, {"why", stop.why}, {"at", time_iso(stop.t)}});
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace gradus
