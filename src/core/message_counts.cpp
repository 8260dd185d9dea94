#include "core/message_counts.h"

#include <fmt/format.h>

namespace gradus {

std::string MasterCounts::lost(const Beat& of_worker) const {
  if (of_worker.sent > heard_) return fmt::format("has told {} ends, and {} have come", of_worker.sent, heard_);
  if (of_worker.told <= sent_ && of_worker.received < of_worker.told) {
    return fmt::format("was sent {} orders, and {} have come", of_worker.told, of_worker.received);
  }
  return "";
}

}  // namespace gradus
