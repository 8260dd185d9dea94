// What this rank can say of itself and its machine, for `gradus doctor`.
//
// Knows: limits, memory, variables, and the probe file by which ranks learn whether they share a folder.
// Unaware of: what is wrong with any of it (core/health.h), other ranks.
#pragma once

#include <string>

#include "core/health.h"

namespace gradus {

/// A file that this process has made in a folder and holds locked as long as this lives.
class ProbeFile {
 public:
  /// Throws std::system_error when it cannot be made.
  explicit ProbeFile(const std::string& folder);
  ~ProbeFile();
  ProbeFile(const ProbeFile&) = delete;
  ProbeFile& operator=(const ProbeFile&) = delete;

  const std::string& path() const { return path_; }
  const std::string& token() const { return token_; }

 private:
  std::string path_, token_;
  int fd_ = -1;
};

/// Everything but the report, the GPUs and MPI's name, which others know. Waits at most five seconds for the probe
/// file (a shared file system may show it late).
RankHealth examine_this_rank(const std::string& probe_file, const std::string& token);

}  // namespace gradus
