#include "run/progress.h"

#include <fmt/format.h>

#include <limits>

#include "run/summary.h"

namespace gradus {
namespace {

constexpr double redraw_s = 0.2;
constexpr double log_line_s = 60;

std::uint64_t settled(const StepCounts& counts) { return counts.succeeded + counts.failed + counts.skipped; }

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds);
  return fmt::format("{:02}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
}

Progress::Progress(const Scheduler& scheduler, unsigned columns, std::function<void(const std::string&)> write)
    : scheduler_(scheduler), columns_(columns), write_(std::move(write)), settled_at_begin_(settled(scheduler.counts())) {}

void Progress::on_fact(const Fact& /*fact*/, const Decisions& /*decisions*/, double now) {
  if (begin_ < 0) {
    begin_ = now;
    next_ = now + (columns_ > 0 ? redraw_s : log_line_s);
  }
  changed_ = true;
}

void Progress::commit(double now) {
  if (begin_ < 0 || now < next_) return;
  next_ = now + (columns_ > 0 ? redraw_s : log_line_s);
  // A terminal's clock ticks by seconds even when nothing happens.
  if (columns_ > 0 && !changed_) next_ = now + 1;
  changed_ = false;
  auto text = line(now);
  if (columns_ == 0) return write_(text + "\n");
  text.resize(std::min<std::size_t>(text.size(), columns_ - 1));
  write_("\r\x1b[K" + text);
  shown_ = true;
}

double Progress::next_wish(double /*now*/) const {
  return begin_ < 0 ? std::numeric_limits<double>::infinity() : next_;
}

void Progress::clear() {
  if (shown_) write_("\r\x1b[K");
  shown_ = false;
}

std::string Progress::line(double now) const {
  const auto& counts = scheduler_.counts();
  const auto done = settled(counts);
  auto text = fmt::format("[{}] {}/{} done, {} running", clock_text(now - begin_), done, counts.total(), counts.running);
  if (counts.failed > 0) text += fmt::format(", {} failed", counts.failed);
  if (counts.skipped > 0) text += fmt::format(", {} skipped", counts.skipped);
  const auto fresh = static_cast<double>(done - settled_at_begin_);
  if (fresh == 0 || now <= begin_) return text;
  const double rate = fresh / (now - begin_);
  const double left = static_cast<double>(counts.total() - done) / rate;
  text += rate >= 1 ? fmt::format(", {:.1f} steps/s", rate) : fmt::format(", {:.1f} steps/min", rate * 60);
  return text + fmt::format(", about {} left", duration_text(left));
}

}  // namespace gradus
