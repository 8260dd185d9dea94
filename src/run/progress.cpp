#include "run/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "run/summary.h"

namespace gradus {
namespace {

constexpr double redraw_s = 0.2;
constexpr double tick_s = 1;
constexpr double log_line_s = 60;

std::uint64_t settled(const StepCounts& counts) { return counts.succeeded + counts.failed + counts.skipped; }

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds);
  return fmt::format("{:02}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
}

Progress::Progress(const Scheduler& scheduler, unsigned columns, std::function<void(const std::string&)> write)
    : scheduler_(scheduler),
      columns_(columns),
      write_(std::move(write)),
      settled_at_begin_(settled(scheduler.counts())) {}

void Progress::on_fact(const Fact& /*fact*/, const Decisions& /*decisions*/, double now) {
  if (begin_ < 0) {
    begin_ = now;
    shown_at_ = now;
  }
  changed_ = true;
}

/// The clock of a terminal's line ticks by seconds even when nothing happens.
double Progress::next_line() const {
  if (columns_ == 0) return shown_at_ + log_line_s;
  return shown_at_ + (changed_ ? redraw_s : tick_s);
}

void Progress::commit(double now) {
  if (begin_ < 0 || now < next_line()) return;
  shown_at_ = now;
  changed_ = false;
  auto text = line(now);
  if (columns_ == 0) return write_(text + "\n");
  // A line that fills the last column would wrap, and the next redraw would leave it standing.
  text.resize(std::min<std::size_t>(text.size(), columns_ - 1));
  write_("\r\x1b[K" + text);
  shown_ = true;
}

double Progress::next_wish(double /*now*/) const {
  return begin_ < 0 ? std::numeric_limits<double>::infinity() : next_line();
}

void Progress::clear() {
  if (shown_) write_("\r\x1b[K");
  shown_ = false;
}

std::string Progress::line(double now) const {
  const auto& counts = scheduler_.counts();
  const auto done = settled(counts);
  auto text = fmt::format("[{}] {}/{} done, {} running", clock_text(now - begin_), done, counts.total(),
                          counts.running - scheduler_.waiting_at_slots());
  if (counts.failed > 0) text += fmt::format(", {} failed", counts.failed);
  if (counts.skipped > 0) text += fmt::format(", {} skipped", counts.skipped);
  if (const auto held = scheduler_.held_slots(); held > 0) text += fmt::format(", {} slots held", held);
  if (scheduler_.stop_kind() != StopKind::none || scheduler_.stopped_on_error()) return text + ", stopping";
  const auto fresh = static_cast<double>(done - settled_at_begin_);
  if (fresh == 0 || now <= begin_) return text;
  const double rate = fresh / (now - begin_);
  const double left = static_cast<double>(counts.total() - done) / rate;
  text += rate >= 1 ? fmt::format(", {:.1f} steps/s", rate) : fmt::format(", {:.1f} steps/min", rate * 60);
  return text + fmt::format(", about {} left", duration_text(left));
}

}  // namespace gradus
