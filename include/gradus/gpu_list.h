// GPU_LIST: the grammar of the list a user gives.
//
// Knows: ids, ranges, UUIDs, `auto`, `none`, groups, per-host lists.
// Unaware of: which GPUs exist, ranks and slots (see placement.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/diagnostic.h"

namespace gradus {

/// One entry as written: a position among the GPUs a rank can see, or a UUID (`GPU-…`, `MIG-…`).
struct GpuId {
  int position = -1;  ///< ≥ 0, or -1 when `uuid` is given
  std::string uuid;
  bool operator==(const GpuId&) const = default;
};

/// What the list says for one host (or for all).
struct HostGpuList {
  enum class Kind { automatic, none, ids, groups };
  Kind kind = Kind::automatic;
  std::vector<GpuId> ids;                  ///< Kind::ids: order and repeats as written
  std::vector<std::vector<GpuId>> groups;  ///< Kind::groups: one per slot of the node
  bool operator==(const HostGpuList&) const = default;
};

/// The whole list. Without per-host parts, `hosts` is empty and `others` counts everywhere.
struct GpuList {
  struct ForHost {
    std::string host;  ///< short or full name, as written
    HostGpuList list;
    bool operator==(const ForHost&) const = default;
  };
  std::vector<ForHost> hosts;
  bool has_others = true;  ///< false: per-host parts were given and there is no `*`
  HostGpuList others;
  bool operator==(const GpuList&) const = default;

  /// The part for `host` (short and full names match each other); null when there is none.
  const HostGpuList* for_host(std::string_view host) const;
};

/// True when `a` and `b` name the same host, one of them perhaps without its domain.
bool same_host(std::string_view a, std::string_view b);

/// Parses `text`. Mistakes point at the column in `text` and are appended with `file` and `line`
/// as given (`file` is for example "--gpus", line 0).
GpuList parse_gpu_list(std::string_view text, const std::string& file, std::uint32_t line, Diagnostics& mistakes);

}  // namespace gradus
