// What is new in an output that grows and that --output-limit may cut meanwhile.
//
// Knows: how far it was given, and how a cut is seen. Unaware of: when the output is complete, where it goes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "run/output_archive.h"

namespace gradus {

class FollowedOutput {
 public:
  using Take = std::function<void(std::string_view bytes)>;
  /// Gives what was added since the last call, in pieces. After a cut it goes on with the line that tells what is
  /// missing, whatever stood behind was given before or not: then it returns true.
  bool read(const StoredOutput& now, const Take& take);

 private:
  bool goes_on(std::istream& file, const StoredOutput& now) const;

  std::uint64_t given_ = 0;
  std::string last_;                      // the end of what was given
  std::optional<std::uint64_t> line_at_;  // where it tells what is missing, after a cut
  std::string line_;                      // … and how that began
};

}  // namespace gradus
