#include "run/summary.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/order.h"
#include "core/printable.h"
#include "run/slot_place.h"

namespace gradus {
namespace {

constexpr std::size_t most_listed = 20;
constexpr std::size_t most_slowest = 5;
constexpr std::size_t command_bytes = 70;

const char* plural(std::uint64_t count) { return count == 1 ? "" : "s"; }

const char* state_word(const Summary::End& end) {
  if (end.running) return "running";
  if (!end.trouble.empty()) return "interrupted";
  return end.counts.waiting + end.counts.ready > 0 ? "stopped" : "finished";
}

std::string cause(const Graph& graph, const StepSettled& skipped) {
  return skipped.because_of == no_step ? "?" : graph.name(skipped.because_of);
}

/// The beginning of it, on one line.
std::string shortened(const std::string& text) {
  constexpr std::size_t most = 60;
  if (text.size() <= most) return printable(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
  return printable(text.substr(0, end)) + "...";
}

/// As a word that can be pasted into a shell.
std::string for_shell(const std::string& path) {
  constexpr auto plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/@+-";
  if (path.find_first_not_of(plain) == std::string::npos) return path;
  std::string word = "'";
  for (const char letter : printable(path)) word += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return word + "'";
}

nlohmann::json json_of(const SlotSeconds& use) {
  return {{"slots", use.slots}, {"busy_s", use.busy_s}, {"available_s", use.available_s}};
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{}d {:02}h", whole / 86400, whole % 86400 / 3600);
}

void Summary::see_time(double now) {
  if (first_ < 0) first_ = now;
  last_ = now;
}

void Summary::on_fact(const Fact& fact, const Decisions& decisions, double now) {
  see_time(now);
  Attempt attempt;
  const auto* end = std::get_if<AttemptEnded>(&fact);
  // What nothing waited for is no end: late, doubled or invented.
  if (end != nullptr && use_.freed(end->step, end->attempt, end->worker, now) < 0) end = nullptr;
  if (end != nullptr) {
    attempt = {end->step, end->attempt, end->worker, end->result.ended_at - end->result.started_at, end->result.outcome,
               {}};
    const auto at = running_.find(end->step);
    if (never_began(attempt.outcome.kind, end->result.started_at, end->result.ended_at)) {
      --attempts_;
      if (at != running_.end() && at->second.is_retry) --retries_;
    } else {
      note_slow(attempt);
    }
    gpu_use_.ended(end->result.usage.gpu, attempt.seconds);
    if (attempt.outcome.is_steps_own_failure() && at != running_.end()) failed_at_[end->step].push_back(at->second);
    if (attempt.outcome.succeeded() && !attempt.outcome.detail.empty() && ++remarks_ == 1) {
      first_remark_ = where(attempt) + ": " + attempt.outcome.detail;
    }
    running_.erase(end->step);
  }
  if (const auto* joined = std::get_if<WorkerJoined>(&fact)) use_.joined(joined->worker, now);
  if (const auto* lost = std::get_if<WorkerLost>(&fact)) {
    use_.lost(lost->worker, now);
    lost_ranks_.push_back(*lost);
  }
  if (const auto* stop = std::get_if<StopRequested>(&fact)) {
    if (stop->signal != 0) stop_signal_ = stop->signal;
    stop_reason_ = stop->why;
  }
  take(decisions, end != nullptr ? &attempt : nullptr, now);
}

void Summary::on_time(const Decisions& decisions, double now) {
  see_time(now);
  take(decisions, nullptr, now);
}

void Summary::note_slow(const Attempt& attempt) {
  const auto at = std::find_if(slowest_.begin(), slowest_.end(),
                               [&](const Attempt& other) { return attempt.seconds > other.seconds; });
  if (at == slowest_.end() && slowest_.size() == most_slowest) return;
  slowest_.insert(at, attempt);
  if (slowest_.size() > most_slowest) slowest_.pop_back();
}

void Summary::take(const Decisions& decisions, const Attempt* ended, double now) {
  for (const auto& lost : decisions.lost) {
    ++lost_;
    if (const auto at = running_.find(lost.step); at != running_.end()) {
      failed_at_[lost.step].push_back(at->second);
      running_.erase(at);
    }
    use_.freed(lost.step, lost.attempt, lost.worker, now);
  }
  for (const auto& settled : decisions.settled) {
    if (settled.state == StepState::succeeded) ++succeeded_;
    if (settled.state == StepState::failed) take_failed(settled.step, decisions, ended);
    failed_at_.erase(settled.step);
    if (settled.state == StepState::skipped && skipped_.size() < most_listed) skipped_.push_back(settled);
  }
  quarantined_.insert(quarantined_.end(), decisions.quarantined.begin(), decisions.quarantined.end());
  for (const auto& launch : decisions.launches) {
    ++attempts_;
    const bool is_retry = launch.attempt - launch.called_back > 1;
    if (is_retry) ++retries_;
    use_.launched(launch, now);
    gpu_use_.launched(launch);
    running_[launch.step] = {launch.worker, launch.slots.empty() ? 0 : launch.slots.front(), is_retry};
  }
}

/// A step fails with what is told beside it: the end of its last attempt, or the loss of it.
void Summary::take_failed(StepIndex step, const Decisions& decisions, const Attempt* ended) {
  Attempt failure{step, 0, 0, 0, {OutcomeKind::lost_with_worker, 0, ""}, {}};
  for (const auto& lost : decisions.lost) {
    if (lost.step == step) failure.attempt = lost.attempt, failure.worker = lost.worker;
  }
  if (ended != nullptr && ended->step == step) failure = *ended;
  if (const auto at = failed_at_.find(step); at != failed_at_.end()) failure.before = std::move(at->second);
  ++failed_by_[static_cast<std::size_t>(failure.outcome.kind)];
  if (failed_.size() < most_listed) failed_.push_back(std::move(failure));
}

std::string Summary::host(WorkerId worker) const {
  return worker < plan_.ranks.size() ? plan_.ranks[worker].host : fmt::format("rank {}", worker);
}

std::string Summary::where(const Attempt& attempt) const {
  return fmt::format("step {} on {}", printable(graph_->name(attempt.step)), host(attempt.worker));
}

/// Its beginning, on one line.
std::string Summary::command(StepIndex step) const {
  const auto text = command_line(*graph_, step);
  std::size_t end = std::min(text.size(), command_bytes);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;  // not within a character
  return printable(std::string_view(text).substr(0, end)) + (end < text.size() ? "..." : "");
}

std::string Summary::first_line(const End& end) const {
  const auto& counts = end.counts;
  const auto waiting = counts.waiting + counts.ready;
  auto line = fmt::format("{} {}: {} of {} steps succeeded", printable(end.run_dir), state_word(end), counts.succeeded,
                          counts.total());
  if (counts.failed > 0) line += fmt::format(", {} failed", counts.failed);
  if (counts.skipped > 0) line += fmt::format(", {} skipped", counts.skipped);
  if (waiting > 0) line += fmt::format(", {} waiting (go on with --resume)", waiting);
  return line + "\n";
}

std::string Summary::counts_lines(const End& end) const {
  std::string text;
  if (!end.trouble.empty()) text += fmt::format("  trouble    {}\n", printable(end.trouble));
  if (!stop_reason_.empty()) text += fmt::format("  stopped    {}\n", printable(stop_reason_));
  for (const auto& note : end.notes) text += fmt::format("  note       {}\n", note);
  if (remarks_ > 0) {
    text += fmt::format("  note       {} step{} succeeded with a remark; {}\n", remarks_, plural(remarks_),
                        printable(first_remark_));
  }
  if (end.succeeded_before > 0) {
    text += fmt::format("  of these   {} succeeded in an earlier life\n", end.succeeded_before);
  }
  text += fmt::format("  wall time  {}, {} attempt{}", duration_text(wall_s()), attempts_, plural(attempts_));
  if (retries_ > 0) text += fmt::format(", {} of them again", retries_);
  if (lost_ > 0) text += fmt::format(", {} lost with their rank", lost_);
  text += '\n';
  for (const auto& one : lost_ranks_) {
    text += fmt::format("  lost       rank {} on {}: {}\n", one.worker, host(one.worker), one.why);
  }
  for (const auto& bad : quarantined_) {
    text +=
        fmt::format("  quarantined {}: {} steps in a row failed there, though others like them succeeded elsewhere\n",
                    slot_name(bad.worker, bad.slot), bad.failures);
  }
  std::string outcomes;
  for (std::size_t kind = 0; kind < outcome_kinds; ++kind) {
    if (failed_by_[kind] == 0) continue;
    std::string name = word(static_cast<OutcomeKind>(kind));
    std::replace(name.begin(), name.end(), '_', ' ');
    outcomes += fmt::format("{}{} {}", outcomes.empty() ? "" : ", ", failed_by_[kind], name);
  }
  return outcomes.empty() ? text : text + fmt::format("  failed by  {}\n", outcomes);
}

/// `slot 3 on h2 with GPU …`.
std::string Summary::slot_name(WorkerId worker, std::uint32_t index) const {
  if (worker >= plan_.ranks.size() || index >= plan_.ranks[worker].slots.size()) return "a slot";
  const auto& slot = plan_.ranks[worker].slots[index];
  std::vector<std::string> gpus;
  for (const auto& gpu : slot.gpus) gpus.push_back(gpu.identity);
  return slot_in_words(host(worker), slot.slot, gpus);
}

/// Where each attempt of a step was that has failed after several.
std::string Summary::places(const Attempt& attempt) const {
  if (attempt.before.size() < 2) return "";
  std::string text;
  for (const auto& place : attempt.before) {
    text += fmt::format("{}{}", text.empty() ? "" : ", then ", slot_name(place.worker, place.slot));
  }
  return text;
}

/// How much of the time the slots of each node were held by steps.
std::string Summary::use_lines() const {
  const auto nodes = use_.by_node(last_);
  std::string text;
  SlotSeconds all;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& node = nodes[i];
    all += node.gpu;
    if (i >= most_listed) continue;
    std::string uses;
    if (node.gpu.slots > 0) {
      uses = fmt::format("{} GPU slot{} {:.0f} %", node.gpu.slots, plural(node.gpu.slots), 100 * node.gpu.busy_share());
    }
    if (node.cpu.slots > 0) {
      uses += fmt::format("{}{} slot{} without GPU {:.0f} %", uses.empty() ? "" : ", ", node.cpu.slots,
                          plural(node.cpu.slots), 100 * node.cpu.busy_share());
    }
    text += fmt::format("  busy       {}: {}\n", node.host, uses);
  }
  if (nodes.size() > most_listed)
    text += fmt::format("  busy       and {} more nodes: see summary.json\n", nodes.size() - most_listed);
  if (all.slots > 0 && nodes.size() > 1) {
    text += fmt::format("  busy       all {} GPU slots {:.0f} %: {} of {}\n", all.slots, 100 * all.busy_share(),
                        duration_text(all.busy_s), duration_text(all.available_s));
  }
  return text;
}

std::string Summary::gpu_use_line(const SlotLayout& layout) const {
  if (!gpu_use_.is_known()) return "";
  const auto advice = gpu_use_.advice(plan_, layout);
  return fmt::format("  GPU use    {}{}{}\n", gpu_use_.text(), advice.empty() ? "" : ": ", advice);
}

std::string Summary::step_lines(const End& end, const OutputTail& tail) const {
  std::string text;
  for (const auto& slow : slowest_) {
    text += fmt::format("  {}  {:>8}  {}: {}\n", &slow == &slowest_.front() ? "slowest  " : "         ",
                        duration_text(slow.seconds), where(slow), command(slow.step));
  }
  for (const auto& failed : failed_) {
    text +=
        fmt::format("  failed     {} (line {}): {}, attempt {}: {}\n", where(failed), graph_->step(failed.step).line,
                    printable(describe(failed.outcome)), failed.attempt, command(failed.step));
    if (const auto all = places(failed); !all.empty()) text += fmt::format("             tried on {}\n", all);
    for (const auto& line : tail(failed.step, failed.attempt)) text += fmt::format("             | {}\n", line);
  }
  if (end.counts.failed > failed_.size()) {
    text += fmt::format("  failed     and {} more: see the journal\n", end.counts.failed - failed_.size());
  }
  for (const auto& skipped : skipped_) {
    text += fmt::format("  skipped    step {} because of step {}\n", printable(graph_->name(skipped.step)),
                        printable(cause(*graph_, skipped)));
  }
  if (end.counts.skipped > skipped_.size()) {
    text += fmt::format("  skipped    and {} more: see the journal\n", end.counts.skipped - skipped_.size());
  }
  return text;
}

std::string Summary::text(const End& end, const OutputTail& tail) const {
  return first_line(end) + counts_lines(end) + use_lines() + gpu_use_line(end.layout) + step_lines(end, tail);
}

/// The first one, by its cause and name.
std::string Summary::failures_in_short(const End& end) const {
  if (end.counts.failed == 0) return "";
  auto text = fmt::format(", {} failed", end.counts.failed);
  if (failed_.empty()) return text;  // in an earlier life
  const auto& first = failed_.front();
  return text + fmt::format(" ({}: {}{})", shortened(describe(first.outcome)), shortened(graph_->name(first.step)),
                            end.counts.failed > 1 ? ", ..." : "");
}

std::string Summary::last_line(const End& end, const std::string& run) const {
  const auto& counts = end.counts;
  const auto waiting = counts.waiting + counts.ready;
  auto line = fmt::format("gradus: {} {}: {} of {} succeeded{}", printable(run), state_word(end), counts.succeeded,
                          counts.total(), failures_in_short(end));
  if (counts.skipped > 0) line += fmt::format(", {} skipped", counts.skipped);
  if (waiting > 0) line += fmt::format(", {} waiting", waiting);
  const auto nodes = use_.by_node(last_);
  line += fmt::format(", {} on {} node{}", duration_text(wall_s()), nodes.size(), plural(nodes.size()));
  SlotSeconds gpu, cpu;
  for (const auto& node : nodes) gpu += node.gpu, cpu += node.cpu;
  if (gpu.slots + cpu.slots > 0) {
    line += fmt::format(", {} {:.0f} % busy", gpu.slots > 0 ? "GPU slots" : "slots",
                        100 * (gpu.slots > 0 ? gpu : cpu).busy_share());
  }
  return line + fmt::format("; exit code {}; gradus status {}\n", end.exit_code, for_shell(run));
}

std::string Summary::json(const End& end, const OutputTail& tail) const {
  const auto& counts = end.counts;
  nlohmann::json document{{"version", 1},
                          {"state", state_word(end)},
                          {"run_dir", end.run_dir},
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
                          {"lost_ranks", nlohmann::json::array()},
                          {"quarantined", nlohmann::json::array()},
                          {"wall_s", wall_s()},
                          {"stopped", stop_reason_},
                          {"master_max_rss_kib", end.master_max_rss_kib},
                          {"trouble", end.trouble},
                          {"notes", end.notes},
                          {"remarks", remarks_},
                          {"first_remark", first_remark_},
                          {"failed_by", nlohmann::json::object()},
                          {"nodes", nlohmann::json::array()},
                          {"slowest", nlohmann::json::array()},
                          {"failed", nlohmann::json::array()},
                          {"skipped", nlohmann::json::array()}};
  if (end.running) {
    document["exit_code"] = nullptr;
    document["steps"]["running"] = counts.running;
  }
  for (std::size_t kind = 0; kind < outcome_kinds; ++kind) {
    if (failed_by_[kind] > 0) document["failed_by"][word(static_cast<OutcomeKind>(kind))] = failed_by_[kind];
  }
  for (const auto& node : use_.by_node(last_)) {
    document["nodes"].push_back({{"host", node.host}, {"gpu", json_of(node.gpu)}, {"cpu", json_of(node.cpu)}});
  }
  if (gpu_use_.is_known()) {
    document["gpu_use"] = {{"attempts", gpu_use_.attempts()},
                           {"samples", gpu_use_.samples()},
                           {"busy", gpu_use_.busy()},
                           {"memory_mib", gpu_use_.memory_mib()},
                           {"memory_total_mib", gpu_use_.total_mib()},
                           {"advice", gpu_use_.advice(plan_, end.layout)}};
  }
  const auto json_of_attempt = [this](const Attempt& one) {
    return nlohmann::json{{"step", graph_->name(one.step)},
                          {"line", graph_->step(one.step).line},
                          {"command", command(one.step)},
                          {"host", host(one.worker)},
                          {"rank", one.worker},
                          {"attempt", one.attempt},
                          {"seconds", one.seconds},
                          {"outcome", word(one.outcome.kind)},
                          {"what", describe(one.outcome)}};
  };
  for (const auto& bad : quarantined_) {
    document["quarantined"].push_back({{"host", host(bad.worker)},
                                       {"rank", bad.worker},
                                       {"slot", slot_name(bad.worker, bad.slot)},
                                       {"failures", bad.failures}});
  }
  for (const auto& one : lost_ranks_) {
    document["lost_ranks"].push_back({{"rank", one.worker}, {"host", host(one.worker)}, {"why", one.why}});
  }
  for (const auto& one : slowest_) document["slowest"].push_back(json_of_attempt(one));
  for (const auto& one : failed_) {
    auto record = json_of_attempt(one);
    if (const auto all = places(one); !all.empty()) record["tried_on"] = all;
    record["output_tail"] = tail(one.step, one.attempt);
    document["failed"].push_back(std::move(record));
  }
  for (const auto& one : skipped_) {
    document["skipped"].push_back({{"step", graph_->name(one.step)}, {"because_of", cause(*graph_, one)}});
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string summary_of_a_run_that_broke_off(const std::string& trouble) {
  return nlohmann::json{{"version", 1}, {"state", "interrupted"}, {"trouble", trouble}}.dump(
             2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

std::string summary_of_a_killed_run() {
  return summary_of_a_run_that_broke_off("the master was killed; the journal is whole");
}

std::string summary_of_a_killed_run(WorkerId lost) {
  return summary_of_a_run_that_broke_off(
      fmt::format("rank {} was lost, and then the master was killed; the journal is whole", lost));
}

std::string summary_of_a_running_run() { return nlohmann::json{{"version", 1}, {"state", "running"}}.dump(2) + "\n"; }

int exit_code(const RunEnd& end) {
  const auto waiting = end.counts.waiting + end.counts.ready;
  if (end.machine_refused) return 3;
  if (waiting > 0 && end.stop_signal == SIGINT) return 130;
  if (waiting > 0 && end.lost_a_rank && end.stop_signal == 0 && !end.stopped_for_time) return 3;
  if (waiting > 0 && (end.stop != StopKind::none || end.stopped_for_time)) {
    // A requeue after a life that achieved nothing would loop for ever.
    return end.stopped_for_time && end.succeeded_in_this_life == 0 ? 1 : 75;
  }
  if (waiting > 0 && end.no_worker_left) return 3;
  if (end.counts.failed + end.counts.skipped > 0) return 1;
  // Steps that wait although nobody asked to stop and nothing failed: the machine is to blame.
  return waiting > 0 ? 3 : 0;
}

}  // namespace gradus
