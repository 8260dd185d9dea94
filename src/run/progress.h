// The progress line: on a terminal one line that is redrawn, in a log file one line a minute.
//
// Knows: how often and in which form: `[00:12:03] 812/1000 done, 4 running, 3 failed, 2 skipped,
//        1.2 steps/s, about 2m 40s left`; done are also the failed and the skipped. Never a colour.
// Unaware of: where it is written (the caller gives a function).
#pragma once

#include <functional>
#include <string>

#include "gradus/run_loop.h"

namespace gradus {

/// At most five updates a second on a terminal; the time left is from the mean rate of this life.
class Progress : public Observer {
 public:
  /// `columns`: the terminal's width; 0: not a terminal. `scheduler` must outlive this.
  Progress(const Scheduler& scheduler, unsigned columns, std::function<void(const std::string&)> write);

  void on_fact(const Fact& fact, const Decisions& decisions, double now) override;
  void on_time(const Decisions& /*decisions*/, double /*now*/) override {}
  void commit(double now) override;
  double next_wish(double now) const override;
  /// Takes the line off the terminal.
  void clear();

 private:
  std::string line(double now) const;
  double next_line() const;

  const Scheduler& scheduler_;
  unsigned columns_;
  std::function<void(const std::string&)> write_;
  double begin_ = -1;
  double shown_at_ = 0;
  bool changed_ = false;
  bool shown_ = false;
  std::uint64_t settled_at_begin_ = 0;
};

/// `00:12:03`.
std::string clock_text(double seconds);

}  // namespace gradus
