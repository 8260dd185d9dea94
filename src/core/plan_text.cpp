#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "gradus/placement.h"

#include "core/number_ranges.h"

namespace gradus {
namespace {

/// Enough of a UUID to tell GPUs apart: `GPU-fa4e0001`.
std::string short_identity(const std::string& identity) {
  return identity.size() > 12 && identity[3] == '-' ? identity.substr(0, 12) : "";
}

std::string gpus_text(const PlannedSlot& slot) {
  std::string text;
  for (const auto& gpu : slot.gpus) {
    if (!text.empty()) text += ' ';
    text += gpu.position;
    if (gpu.token != gpu.position) text += "(" + gpu.token + ")";
    if (const auto identity = short_identity(gpu.identity); !identity.empty() && identity != gpu.position.substr(0, 12))
      text += " " + identity;
  }
  return text.empty() ? "-" : text;
}

using Row = std::array<std::string, 7>;

}  // namespace

std::string plan_table(const Plan& plan) {
  std::vector<Row> rows{{"node", "rank", "local", "thread", "slot", "GPUs", "cores"}};
  for (const auto& rank : plan.ranks) {
    for (const auto& slot : rank.slots) {
      rows.push_back({rank.host, std::to_string(rank.rank), std::to_string(rank.local_rank),
                      std::to_string(slot.thread), std::to_string(slot.slot), gpus_text(slot),
                      number_ranges(slot.cores)});
    }
  }
  std::array<std::size_t, 7> width{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], width[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string plan_json(const Plan& plan) {
  auto slots = nlohmann::json::array();
  for (const auto& rank : plan.ranks) {
    for (const auto& slot : rank.slots) {
      auto gpus = nlohmann::json::array();
      for (const auto& gpu : slot.gpus) {
        gpus.push_back({{"position", gpu.position},
                        {"token", gpu.token},
                        {"identity", gpu.identity},
                        {"name", gpu.name},
                        {"pci", gpu.pci}});
      }
      slots.push_back({{"host", rank.host},
                       {"node", rank.node},
                       {"rank", rank.rank},
                       {"local_rank", rank.local_rank},
                       {"thread", slot.thread},
                       {"slot", slot.slot},
                       {"cpu_only", slot.cpu_only},
                       {"gpus", gpus},
                       {"cores", slot.cores}});
    }
  }
  return nlohmann::json{{"version", 1}, {"slots", slots}, {"notes", plan.notes}}.dump(
             2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

}  // namespace gradus
