#include "core/gpu_resolver.h"

#include <fmt/format.h>

namespace gradus {
namespace {

std::string written(const GpuId& id) { return id.position >= 0 ? std::to_string(id.position) : id.uuid; }

}  // namespace

SlotGpu GpuResolver::visible(std::size_t position) const {
  const auto& gpu = report_.gpus[position];
  return {std::to_string(position), gpu.token, gpu.identity, gpu.name, gpu.pci};
}

std::vector<SlotGpu> GpuResolver::all_visible() const {
  std::vector<SlotGpu> entries;
  for (std::size_t i = 0; i < report_.gpus.size(); ++i) entries.push_back(visible(i));
  return entries;
}

std::vector<SlotGpu> GpuResolver::of(const std::vector<GpuId>& ids) {
  std::vector<SlotGpu> entries;
  for (const auto& id : ids) {
    auto entry = one(id);
    if (!entry) continue;
    const auto [it, is_new] = written_as_.try_emplace(entry->identity, written(id));
    if (!is_new && it->second != written(id)) {
      mistake(fmt::format("'{}' and '{}' of {} are the same GPU: name it in one way", it->second, written(id),
                          options_.list_origin));
    }
    entries.push_back(std::move(*entry));
  }
  return entries;
}

void GpuResolver::mistake(const std::string& what) {
  mistakes_.push_back({"", 0, 0, fmt::format("host {}, rank {}: {}", report_.host, report_.rank, what)});
}

std::optional<SlotGpu> GpuResolver::one(const GpuId& id) {
  // Without a driver and without an inherited list there is nothing to hold an id against.
  if (report_.gpu_source == GpuSource::nothing) {
    const auto text = written(id);
    return SlotGpu{text, text, text, "", ""};
  }
  return id.position >= 0 ? by_position(id.position) : by_uuid(id.uuid);
}

std::optional<SlotGpu> GpuResolver::by_position(int position) {
  if (static_cast<std::size_t>(position) < report_.gpus.size()) return visible(static_cast<std::size_t>(position));
  mistake(
      fmt::format("GPU {} of {} does not exist there: {} (a number is a position among the visible GPUs; "
                  "per-host lists are written 'nodeA=0,1; *=0')",
                  position, options_.list_origin, seen()));
  return std::nullopt;
}

/// An exact name first: a UUID may be the beginning of a longer one.
std::optional<SlotGpu> GpuResolver::by_uuid(const std::string& uuid) {
  std::vector<std::size_t> hits;
  for (std::size_t i = 0; i < report_.gpus.size(); ++i) {
    const auto& gpu = report_.gpus[i];
    if (gpu.identity == uuid || gpu.token == uuid) return visible(i);
    if (gpu.identity.starts_with(uuid)) hits.push_back(i);
  }
  if (hits.size() == 1) return visible(hits.front());
  mistake(fmt::format("{} of {} {}: {}", uuid, options_.list_origin,
                      hits.empty() ? "does not exist there" : "is the beginning of several UUIDs", seen()));
  return std::nullopt;
}

std::string GpuResolver::seen() const {
  const auto count = report_.gpus.size();
  const auto* by = report_.gpu_source == GpuSource::driver ? "the driver shows" : "the visible-devices variable lists";
  return count == 0 ? fmt::format("{} no GPU", by)
                    : fmt::format("{} {} GPU{}, positions 0 to {}", by, count, count == 1 ? "" : "s", count - 1);
}

}  // namespace gradus
