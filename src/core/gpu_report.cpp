#include "core/gpu_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace gradus {
namespace {

using Row = std::array<std::string, 5>;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::vector<Row> rows_of(const GpuDiscovery& discovery) {
  std::vector<Row> rows{{"position", "token", "uuid", "pci", "name"}};
  const bool has_uuid = discovery.source == GpuSource::driver;
  for (const VisibleGpu& gpu : discovery.gpus) {
    rows.push_back({std::to_string(rows.size() - 1), gpu.token, has_uuid ? gpu.identity : "-", or_dash(gpu.pci),
                    or_dash(gpu.name)});
  }
  return rows;
}

std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, 5> width{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += fmt::format("{:<{}}  ", row[i], width[i]);
    text += row.back() + '\n';
  }
  return text;
}

std::string inherited_text(const GpuDiscovery& discovery) {
  const char* variable = visible_devices_variable(discovery.vendor);
  if (!discovery.inherited) return fmt::format("{} not set", variable);
  return fmt::format("{}={}", variable, *discovery.inherited);
}

std::string learnt_from(const GpuDiscovery& discovery) {
  switch (discovery.source) {
    case GpuSource::driver: return fmt::format("learnt from the CUDA driver ({})", inherited_text(discovery));
    case GpuSource::visible_list:
      return fmt::format("learnt from the environment alone ({})", inherited_text(discovery));
    case GpuSource::nothing: break;
  }
  return "neither a driver nor a visible-devices variable: the ids of a GPU list would be believed as given";
}

const char* source_word(GpuSource source) {
  switch (source) {
    case GpuSource::driver: return "driver";
    case GpuSource::visible_list: return "visible_list";
    case GpuSource::nothing: break;
  }
  return "nothing";
}

const char* vendor_word(GpuVendor vendor) {
  switch (vendor) {
    case GpuVendor::nvidia: return "nvidia";
    case GpuVendor::amd_rocr:
    case GpuVendor::amd_hip: return "amd";
    case GpuVendor::intel: break;
  }
  return "intel";
}

nlohmann::ordered_json or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

}  // namespace

std::string describe_gpus(const GpuDiscovery& discovery) {
  std::string text = discovery.gpus.empty() ? "no GPU\n" : table(rows_of(discovery));
  text += learnt_from(discovery) + '\n';
  if (!discovery.note.empty()) text += fmt::format("{}: {}\n", discovery.trouble ? "warning" : "note", discovery.note);
  return text;
}

std::string gpus_json(const GpuDiscovery& discovery) {
  nlohmann::ordered_json json;
  json["version"] = 1;
  json["source"] = source_word(discovery.source);
  json["vendor"] = discovery.source == GpuSource::nothing ? nlohmann::ordered_json() : vendor_word(discovery.vendor);
  json["variable"] = visible_devices_variable(discovery.vendor);
  json["inherited"] = discovery.inherited ? nlohmann::ordered_json(*discovery.inherited) : nlohmann::ordered_json();
  json["gpus"] = nlohmann::ordered_json::array();
  const bool has_uuid = discovery.source == GpuSource::driver;
  for (const VisibleGpu& gpu : discovery.gpus) {
    json["gpus"].push_back({{"position", json["gpus"].size()},
                            {"token", gpu.token},
                            {"uuid", has_uuid ? or_null(gpu.identity) : nlohmann::ordered_json()},
                            {"pci", or_null(gpu.pci)},
                            {"name", or_null(gpu.name)}});
  }
  json["note"] = or_null(discovery.note);
  json["trouble"] = discovery.trouble;
  // An environment variable may hold any bytes; bad UTF-8 must not end the program.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace gradus
