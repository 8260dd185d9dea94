// Outputs of prerequisites that need not be looked for any more.
//
// Knows: paths that were seen, or that were not there after all the time a step waits for one.
// Unaware of: who looks, for how long, and why.
#pragma once

#include <mutex>
#include <string>
#include <unordered_set>

namespace gradus {

/// Shared by all slots of a rank. Any thread.
class LookedFor {
 public:
  bool has(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return paths_.contains(path);
  }
  void add(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (paths_.size() >= most) paths_.clear();  // looking again costs little
    paths_.insert(path);
  }

 private:
  static constexpr std::size_t most = 100000;
  std::mutex mutex_;
  std::unordered_set<std::string> paths_;
};

}  // namespace gradus
