// Why a free slot was not used, at any moment of a life.
//
// Knows: which steps were ready, waited, or were tried again. Unaware of: which slots were free.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "report/lost_time.h"
#include "report/prerequisites.h"
#include "report/run_story.h"

namespace gradus {

class IdleReasons {
 public:
  using Seconds = std::array<double, lost_to_count>;

  /// `gpu`: for slots with a GPU, which may also run steps without; else only the latter count.
  IdleReasons(const RunStory& story, const Prerequisites& prerequisites, std::uint32_t life, bool gpu);
  /// Adds the time from `begin` to `end` (run seconds within the life) to its reasons.
  void add(double begin, double end, Seconds& seconds) const;

 private:
  enum Left : std::uint8_t { ready, again, later };
  struct Change {
    double t;
    Left what;
    int by;
  };
  struct Piece {
    double begin = 0;
    LostTo reason = LostTo::start;
    Seconds before{};  ///< of all pieces before this one
  };
  void collect(const RunStory& story, const Prerequisites& prerequisites, std::size_t attempt);
  void append(double begin, LostTo reason);
  Seconds until(double t) const;

  std::uint32_t life_;
  double life_begin_, life_end_;
  double first_begin_, stop_;
  std::vector<Change> changes_;
  std::vector<Piece> pieces_;
};

}  // namespace gradus
