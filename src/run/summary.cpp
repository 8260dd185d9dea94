#include "run/summary.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gradus {
namespace {

constexpr std::size_t most_listed = 20;
constexpr std::size_t most_slowest = 5;
/// Steps that fail now and are retried later; beyond this many the last output of some is not shown.
constexpr std::size_t most_remembered = 100000;

const char* plural(std::uint64_t count) { return count == 1 ? "" : "s"; }

const char* state_word(const Summary::End& end) {
  if (!end.trouble.empty()) return "interrupted";
  return end.counts.waiting + end.counts.ready > 0 ? "stopped" : "finished";
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (seconds < 10) return fmt::format("{:.1f}s", seconds);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{}d {:02}h", whole / 86400, whole % 86400 / 3600);
}

void Summary::on_fact(const Fact& fact, const Decisions& decisions, double now) {
  if (first_ < 0) first_ = now;
  last_ = now;
  if (const auto* end = std::get_if<AttemptEnded>(&fact)) ended(*end);
  if (const auto* stop = std::get_if<StopRequested>(&fact)) {
    if (stop->signal != 0) stop_signal_ = stop->signal;
    stop_reason_ = stop->why;
  }
  take(decisions);
}

void Summary::on_time(const Decisions& decisions, double now) {
  last_ = now;
  take(decisions);
}

void Summary::ended(const AttemptEnded& fact) {
  const auto it = live_.find(fact.step);
  if (it == live_.end()) return;
  Attempt attempt{fact.step, fact.attempt, fact.worker, fact.result.ended_at - fact.result.started_at, fact.result.outcome};
  auto& use = use_[plan_.ranks[fact.worker].node];
  use.gpu_slot_s += attempt.seconds * it->second.gpu_slots;
  use.cpu_slot_s += attempt.seconds * it->second.cpu_slots;
  live_.erase(it);
  note_slow(attempt);
  if (!attempt.outcome.succeeded() && last_failure_.size() < most_remembered) last_failure_[fact.step] = std::move(attempt);
}

void Summary::note_slow(const Attempt& attempt) {
  const auto at = std::find_if(slowest_.begin(), slowest_.end(),
                               [&](const Attempt& other) { return attempt.seconds > other.seconds; });
  slowest_.insert(at, attempt);
  if (slowest_.size() > most_slowest) slowest_.pop_back();
}

void Summary::take(const Decisions& decisions) {
  for (const auto& lost : decisions.lost) {
    ++lost_;
    live_.erase(lost.step);
    if (last_failure_.size() < most_remembered) {
      last_failure_[lost.step] = {lost.step, lost.attempt, lost.worker, 0, {OutcomeKind::lost_with_worker, 0, ""}};
    }
  }
  for (const auto& settled : decisions.settled) {
    if (settled.state == StepState::skipped) {
      if (skipped_.size() < most_listed) skipped_.push_back(settled);
      continue;
    }
    if (settled.state == StepState::succeeded) ++succeeded_;
    const auto failure = last_failure_.find(settled.step);
    if (failure == last_failure_.end()) continue;
    if (settled.state == StepState::failed && failed_.size() < most_listed) failed_.push_back(failure->second);
    last_failure_.erase(failure);
  }
  for (const auto& launch : decisions.launches) {
    ++attempts_;
    if (launch.attempt > 1) ++retries_;
    auto& live = live_[launch.step];
    live = {};
    for (const auto slot : launch.slots) {
      const bool has_gpu = !plan_.ranks[launch.worker].slots[slot].gpus.empty();
      ++(has_gpu ? live.gpu_slots : live.cpu_slots);
    }
  }
}

std::string Summary::name_and_place(const Attempt& attempt) const {
  return fmt::format("step {} on {}", graph_->name(attempt.step), plan_.ranks[attempt.worker].host);
}

/// How much of the time the slots of each node were busy.
void Summary::add_use_lines(std::string& text) const {
  struct Node {
    std::string host;
    std::uint32_t gpu_slots = 0, cpu_slots = 0;
  };
  std::map<std::uint32_t, Node> nodes;
  for (const auto& rank : plan_.ranks) {
    auto& node = nodes[rank.node];
    node.host = rank.host;
    for (const auto& slot : rank.slots) ++(slot.gpus.empty() ? node.cpu_slots : node.gpu_slots);
  }
  const double wall = std::max(last_ - first_, 1e-9);
  const auto busy = [wall](double slot_s, std::uint32_t slots) {
    return std::min(100.0, 100 * slot_s / (wall * slots));
  };
  for (const auto& [number, node] : nodes) {
    const auto it = use_.find(number);
    const auto used = it == use_.end() ? NodeUse{} : it->second;
    if (node.gpu_slots + node.cpu_slots == 0) continue;
    text += fmt::format("  busy       {}:", node.host);
    if (node.gpu_slots > 0) {
      text += fmt::format(" {} GPU slot{} {:.0f} %", node.gpu_slots, plural(node.gpu_slots), busy(used.gpu_slot_s, node.gpu_slots));
    }
    if (node.cpu_slots > 0) {
      text += fmt::format("{} {} slot{} without GPU {:.0f} %", node.gpu_slots > 0 ? "," : "", node.cpu_slots,
                          plural(node.cpu_slots), busy(used.cpu_slot_s, node.cpu_slots));
    }
    text += '\n';
  }
}

std::string Summary::text(const End& end, const OutputTail& tail) const {
  const auto& counts = end.counts;
  const auto waiting = counts.waiting + counts.ready;
  std::string text = fmt::format("{} {}: {} of {} steps succeeded", end.run_dir, state_word(end), counts.succeeded, counts.total());
  if (counts.failed > 0) text += fmt::format(", {} failed", counts.failed);
  if (counts.skipped > 0) text += fmt::format(", {} skipped", counts.skipped);
  if (waiting > 0) text += fmt::format(", {} waiting (go on with --resume)", waiting);
  text += '\n';
  if (!end.trouble.empty()) text += fmt::format("  trouble    {}\n", end.trouble);
  if (!stop_reason_.empty()) text += fmt::format("  stopped    {}\n", stop_reason_);
  if (end.succeeded_before > 0) text += fmt::format("  of these   {} succeeded in an earlier life\n", end.succeeded_before);
  text += fmt::format("  wall time  {}, {} attempt{}", duration_text(last_ - std::max(first_, 0.0)), attempts_, plural(attempts_));
  if (retries_ > 0) text += fmt::format(", {} of them again", retries_);
  if (lost_ > 0) text += fmt::format(", {} lost with their rank", lost_);
  text += '\n';
  add_use_lines(text);
  for (const auto& slow : slowest_) {
    text += fmt::format("  {}    {:>8}  {}\n", &slow == &slowest_.front() ? "slowest" : "       ", duration_text(slow.seconds),
                        name_and_place(slow));
  }
  for (const auto& failed : failed_) {
    text += fmt::format("  failed     {} (line {}): {}, attempt {}\n", name_and_place(failed), graph_->step(failed.step).line,
                        describe(failed.outcome), failed.attempt);
    for (const auto& line : tail(failed.step, failed.attempt)) text += fmt::format("             | {}\n", line);
  }
  if (counts.failed > failed_.size()) text += fmt::format("  failed     and {} more: see the journal\n", counts.failed - failed_.size());
  for (const auto& skipped : skipped_) {
    text += fmt::format("  skipped    step {} because of step {}\n", graph_->name(skipped.step), graph_->name(skipped.because_of));
  }
  if (counts.skipped > skipped_.size()) text += fmt::format("  skipped    and {} more: see the journal\n", counts.skipped - skipped_.size());
  return text;
}

std::string Summary::json(const End& end, const OutputTail& tail) const {
  const auto& counts = end.counts;
  nlohmann::json document{{"version", 1},
                          {"state", state_word(end)},
                          {"exit_code", end.exit_code},
                          {"steps",
                           {{"total", counts.total()},
                            {"succeeded", counts.succeeded},
                            {"failed", counts.failed},
                            {"skipped", counts.skipped},
                            {"waiting", counts.waiting + counts.ready}}},
                          {"succeeded_before", end.succeeded_before},
                          {"attempts", attempts_},
                          {"retries", retries_},
                          {"lost_attempts", lost_},
                          {"wall_s", last_ - std::max(first_, 0.0)},
                          {"stopped", stop_reason_},
                          {"trouble", end.trouble}};
  auto& failed = document["failed"] = nlohmann::json::array();
  for (const auto& one : failed_) {
    failed.push_back({{"step", graph_->name(one.step)},
                      {"line", graph_->step(one.step).line},
                      {"host", plan_.ranks[one.worker].host},
                      {"rank", one.worker},
                      {"attempt", one.attempt},
                      {"outcome", word(one.outcome.kind)},
                      {"what", describe(one.outcome)},
                      {"output_tail", tail(one.step, one.attempt)}});
  }
  auto& skipped = document["skipped"] = nlohmann::json::array();
  for (const auto& one : skipped_) {
    skipped.push_back({{"step", graph_->name(one.step)}, {"because_of", graph_->name(one.because_of)}});
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string summary_of_a_running_run() {
  return nlohmann::json{{"version", 1}, {"state", "running"}}.dump(2) + "\n";
}

int exit_code(const RunEnd& end) {
  const auto waiting = end.counts.waiting + end.counts.ready;
  if (end.machine_refused) return 3;
  if (waiting > 0 && end.stop_signal == SIGINT) return 130;
  if (waiting > 0 && end.stop != StopKind::none) {
    // A requeue after a life that achieved nothing would loop for ever.
    return end.stopped_for_time && end.succeeded_in_this_life == 0 ? 1 : 75;
  }
  if (end.counts.failed + end.counts.skipped > 0) return 1;
  // Steps that wait though nobody asked to stop: on_error stop has failures (above), else no worker is left.
  return waiting > 0 ? 3 : 0;
}

}  // namespace gradus
