// The environment that steps inherit.
//
// Knows: the process's own variables less those the MPI launcher put in, and how to lay a step's own over them.
// Unaware of: what the variables mean (prepare() decides which to set).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gradus {

/// Taken once at start; read by all slot threads at the same time afterwards.
class StepEnvironment {
 public:
  /// From a null-terminated list such as `environ`.
  explicit StepEnvironment(const char* const* variables);

  bool has(std::string_view name) const { return index_.contains(name); }
  /// Empty when not set.
  std::string_view value(std::string_view name) const;

  /// The variables with `changes` laid over them (later ones win), null-terminated. `storage` owns the
  /// changed ones; both must outlive the use of the result.
  std::vector<const char*> with(const std::vector<std::pair<std::string, std::string>>& changes,
                                std::vector<std::string>& storage) const;

 private:
  std::vector<std::string> variables_;                       // NAME=value
  std::unordered_map<std::string_view, std::size_t> index_;  // name to its place in variables_
};

}  // namespace gradus
