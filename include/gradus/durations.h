// How long steps may be expected to take, learnt from those that have ended.
//
// Knows: command shapes and what was observed for each.
// Unaware of: clocks, the graph, what the expectations are used for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gradus {

/// Equal for commands that differ only in numbers and in names: `align m17.mrc -o out/m17.mrc` and
/// `align m18.mrc -o out/m18.mrc`. The program and its options count; runs of digits count as one digit,
/// and of a word with a slash or a dot only its ending counts. XXH3, stable between lives.
std::uint64_t command_shape(std::string_view command);
/// The shape for a person: `align ….mrc -o ….mrc`, numbers as `N`.
std::string command_shape_text(std::string_view command);

/// Observed durations by shape. A shape's first observations count fully, so that one life is enough to
/// know the next one's.
class DurationModel {
 public:
  void observe(std::uint64_t shape, double seconds);
  /// The mean of the shape; negative when nothing was seen.
  double mean_s(std::uint64_t shape) const;
  /// A duration that few steps of the shape exceed: the larger of the longest seen and mean + 3 standard
  /// deviations once there are several; twice the only one before; negative when nothing was seen.
  double cautious_s(std::uint64_t shape) const;
  /// What a step must be given before a limit: the larger of that and its cost (negative: it has none), since a step
  /// that is said to be long is not known by short ones of its shape. When nothing is known nothing speaks against a
  /// try: 0.
  double needed_s(std::uint64_t shape, double cost) const;
  /// Over all shapes; negative when nothing was seen.
  double overall_mean_s() const;

 private:
  struct Seen {
    std::uint64_t count = 0;
    double mean = 0, squares = 0, longest = 0;  // Welford's running sums
  };
  static void add(Seen& seen, double seconds);
  std::unordered_map<std::uint64_t, Seen> by_shape_;
  Seen all_;
};

}  // namespace gradus
