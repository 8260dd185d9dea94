// GPU ids of the list, as one rank knows the devices.
//
// Knows: positions, UUIDs, what a rank reported. Unaware of: slots and how GPUs are dealt out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gradus/placement.h"

namespace gradus {

class GpuResolver {
 public:
  /// Everything given must outlive this. Mistakes name host, rank and where the list came from.
  GpuResolver(const RankReport& report, const PlacementOptions& options, Diagnostics& mistakes)
      : report_(report), options_(options), mistakes_(mistakes) {}

  std::vector<SlotGpu> all_visible() const;
  /// In the order of the ids. One device under two names, also over several calls, is a mistake.
  std::vector<SlotGpu> of(const std::vector<GpuId>& ids);

 private:
  void mistake(const std::string& what);
  std::optional<SlotGpu> one(const GpuId& id);
  std::optional<SlotGpu> by_position(int position);
  std::optional<SlotGpu> by_uuid(const std::string& uuid);
  SlotGpu visible(std::size_t position) const;
  std::string seen() const;

  const RankReport& report_;
  const PlacementOptions& options_;
  Diagnostics& mistakes_;
  std::map<std::string, std::string> written_as_;  // by identity
};

}  // namespace gradus
