#include "support/scenario.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace gradus::support {
namespace {

std::string after_first_word(const std::string& line) {
  const auto blank = line.find(' ');
  return blank == std::string::npos ? "" : line.substr(blank + 1);
}

const std::map<std::string, StopKind>& stop_kinds() {
  static const std::map<std::string, StopKind> kinds{
      {"drain", StopKind::drain}, {"finish", StopKind::finish}, {"cancel", StopKind::cancel}, {"kill", StopKind::kill}};
  return kinds;
}

std::string word_of(StopKind kind) {
  for (const auto& [word, one] : stop_kinds()) {
    if (one == kind) return word;
  }
  return "none";
}

std::string verb_of(const Outcome& outcome) {
  if (outcome.succeeded()) return "end";
  return outcome.is_steps_own_failure() ? "fail" : "cancelled";
}

}  // namespace

// ---- rehearsal ------------------------------------------------------------------------------

Rehearsal::Rehearsal(std::shared_ptr<const Graph> graph, SchedulerOptions options)
    : graph_(std::move(graph)), scheduler_(graph_, options), referee_(graph_, options, scheduler_) {}

std::vector<std::string> Rehearsal::take(const std::string& line) {
  const auto words = split(line, " ");
  if (words.size() < 2) throw std::invalid_argument("no verb: " + line);
  const auto& verb = words[0];
  const auto rest = after_first_word(line);
  if (verb == "at") {
    now_ = std::stod(words[1]);
    Decisions decisions;
    scheduler_.advance(now_, decisions);
    referee_.on_time(decisions, now_);
    act(decisions);
    return tell(decisions);
  }
  if (verb == "join") return apply(joined(rest));
  if (verb == "end") return apply(ended(rest, {}));
  if (verb == "fail") return apply(ended(rest, {OutcomeKind::exit_code, 1, ""}));
  if (verb == "cancelled") return apply(ended(rest, {OutcomeKind::cancelled, 0, ""}));
  if (verb == "lose") return apply(WorkerLost{static_cast<WorkerId>(std::stoul(words[1])), "lost"});
  if (verb == "stop" && stop_kinds().contains(words[1])) {
    return apply(StopRequested{stop_kinds().at(words[1]), "scenario", 0});
  }
  if (verb == "hold") return apply(HoldRequested{std::stod(words[1])});
  throw std::invalid_argument("unknown verb: " + line);
}

std::vector<std::string> Rehearsal::apply(const Fact& fact) {
  Decisions decisions;
  scheduler_.apply(fact, now_, decisions);
  referee_.on_fact(fact, decisions, now_);
  if (const auto* end = std::get_if<AttemptEnded>(&fact)) {
    const auto it = live_.find(end->step);
    if (it != live_.end() && it->second.attempt == end->attempt && it->second.worker == end->worker) live_.erase(it);
  }
  for (const auto& lost : decisions.lost) live_.erase(lost.step);
  act(decisions);
  return tell(decisions);
}

void Rehearsal::act(const Decisions& decisions) {
  referee_.commit(now_);
  for (const auto& kill : decisions.kills) referee_.sees(kill);
  for (const auto& launch : decisions.launches) {
    referee_.sees(launch);
    live_[launch.step] = launch;
  }
}

std::vector<std::string> Rehearsal::tell(const Decisions& decisions) {
  std::vector<std::string> lines;
  for (const auto& kill : decisions.kills) {
    lines.push_back((kill.call_back ? "call back "
                     : kill.at_once ? "kill at once "
                                    : "kill ") +
                    attempt_name(kill.step, kill.attempt));
  }
  for (const auto& lost : decisions.lost) lines.push_back("lost " + attempt_name(lost.step, lost.attempt));
  for (const auto& settled : decisions.settled) lines.push_back(tell(settled));
  for (const auto& bad : decisions.quarantined) {
    lines.push_back(fmt::format("quarantine slot {} of {}: {} failures", bad.slot, bad.worker, bad.failures));
  }
  for (const auto& launch : decisions.launches) lines.push_back(tell(launch));
  if (scheduler_.held_slots() != held_) {
    held_ = scheduler_.held_slots();
    lines.push_back("held slots: " + std::to_string(held_));
  }
  return lines;
}

std::string Rehearsal::tell(const LaunchAttempt& launch) const {
  std::vector<std::uint32_t> gpus;
  const auto& slots = shapes_.at(launch.worker).slots;
  for (const auto& [slot, index] : launch.gpus) gpus.push_back(slots.at(slot).gpus.at(index));
  return fmt::format("launch {} on {} slots {}{}{}{}{}{}", attempt_name(launch.step, launch.attempt), launch.worker,
                     comma_joined(launch.slots), gpus.empty() ? "" : " gpus ", comma_joined(gpus),
                     launch.with.empty() ? "" : " with ", comma_joined(launch.with),
                     launch.waits ? ", to wait there" : "");
}

std::string Rehearsal::tell(const StepSettled& settled) const {
  auto text = graph_->name(settled.step) + " " + word(settled.state);
  if (settled.because_of != no_step) text += " because of " + graph_->name(settled.because_of);
  return text;
}

std::string Rehearsal::attempt_name(StepIndex step, std::uint32_t attempt) const {
  return fmt::format("{}.{}", step < graph_->step_count() ? graph_->name(step) : "nonsense", attempt);
}

StepIndex Rehearsal::find(const std::string& name) const {
  if (name == "nonsense") return no_step;
  const auto step = graph_->find(name);
  if (step == no_step) throw std::invalid_argument("no step of that name: " + name);
  return step;
}

/// `0 on n0: 0 1 -` or `0 on n0 more: 0 1 -`.
Fact Rehearsal::joined(const std::string& rest) {
  const auto colon = rest.find(':');
  const auto words = split(rest.substr(0, colon), " ");
  if (colon == std::string::npos || words.size() < 3 || words[1] != "on") {
    throw std::invalid_argument("not `join WORKER on NODE: SLOTS`: " + rest);
  }
  WorkerJoined fact;
  fact.worker = static_cast<WorkerId>(std::stoul(words[0]));
  fact.shape = machine_.worker(words[2], rest.substr(colon + 1));
  fact.more_follow = words.size() > 3 && words[3] == "more";
  shapes_.try_emplace(fact.worker, fact.shape);
  return fact;
}

/// `a`, `a.2` or `a.2 on 1`.
Fact Rehearsal::ended(const std::string& rest, const Outcome& outcome) const {
  const auto words = split(rest, " ");
  const auto point = words[0].rfind('.');
  AttemptEnded fact;
  fact.step = find(words[0].substr(0, point));
  if (const auto it = live_.find(fact.step); it != live_.end()) {
    fact.attempt = it->second.attempt;
    fact.worker = it->second.worker;
  } else if (point == std::string::npos) {
    throw std::invalid_argument("no attempt of it lives: " + words[0]);
  }
  if (point != std::string::npos) fact.attempt = static_cast<std::uint32_t>(std::stoul(words[0].substr(point + 1)));
  if (words.size() > 2) fact.worker = static_cast<WorkerId>(std::stoul(words[2]));
  fact.result.outcome = outcome;
  fact.result.ended_at = now_;
  return fact;
}

std::string Rehearsal::outcome() const {
  const auto& counts = scheduler_.counts();
  std::string text = scheduler_.finished() ? "finished" : "not finished";
  const auto add = [&](std::uint64_t count, const char* state) {
    if (count > 0) text += fmt::format(", {} {}", count, state);
  };
  add(counts.succeeded, "succeeded");
  add(counts.failed, "failed");
  add(counts.skipped, "skipped");
  add(counts.running, "running");
  add(counts.ready, "ready");
  add(counts.waiting, "waiting");
  return text;
}

// ---- scenario files -------------------------------------------------------------------------

SchedulerOptions scheduler_options(std::string_view words) {
  SchedulerOptions options;
  for (const auto& word : split(words, " ")) {
    const auto equals = word.find('=');
    const auto key = word.substr(0, equals);
    const auto value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "on-error")
      options.on_error = value == "stop" ? OnError::stop : OnError::keep_going;
    else if (key == "crash-limit")
      options.crash_limit = static_cast<std::uint32_t>(std::stoul(value));
    else if (key == "quarantine")
      options.quarantine_after = static_cast<std::uint32_t>(std::stoul(value));
    else if (key == "retry-delay")
      options.retry_delay_s = std::stod(value);
    else if (key == "prefetch")
      options.prefetch_s = std::stod(value);
    else if (key == "limit")
      options.start_nothing_after = options.end_running_at = std::stod(value);
    else if (key == "grace")
      options.grace_s = std::stod(value);
    else
      throw std::invalid_argument("unknown option: " + word);
  }
  return options;
}

namespace {

/// The parts of a scenario file: comments and inputs as they stand, expectations apart.
struct ScenarioText {
  std::string head;  // comments, steps, options: copied as they are
  std::string steps, options;
  std::vector<std::string> verbs;  // comments among them too
};

bool is_expectation(const std::string& line) {
  return line.starts_with("  > ") || line.starts_with("over: ") || line == "and nothing else happened";
}

ScenarioText read_scenario(const std::string& text) {
  ScenarioText scenario;
  bool in_steps = false;
  for (const auto& line : split(text, "\n")) {
    if (is_expectation(line)) continue;
    const bool is_comment = line.starts_with('#');
    if (line == "steps")
      in_steps = true;
    else if (!is_comment && !line.starts_with(' '))
      in_steps = false;
    if (in_steps && line != "steps" && !is_comment) scenario.steps += line + "\n";
    const bool is_options = line == "options" || line.starts_with("options ");
    if (is_options) scenario.options = after_first_word(line);
    const bool is_head = scenario.verbs.empty() && (in_steps || is_comment || is_options);
    if (is_head)
      scenario.head += line + "\n";
    else
      scenario.verbs.push_back(line);
  }
  return scenario;
}

}  // namespace

ScenarioRun run_scenario(const std::string& text) {
  const auto scenario = read_scenario(text);
  Rehearsal rehearsal(graph(scenario.steps), scheduler_options(scenario.options));
  ScenarioRun run{text, scenario.head, ""};
  for (const auto& verb : scenario.verbs) {
    run.as_it_was += verb + "\n";
    if (verb.starts_with('#')) continue;
    for (const auto& line : rehearsal.take(verb)) run.as_it_was += "  > " + line + "\n";
  }
  run.as_it_was += "over: " + rehearsal.outcome() + "\nand nothing else happened\n";
  run.complaints = rehearsal.complaints();
  return run;
}

void ScenarioWriter::at(double now) {
  if (now == now_) return;
  now_ = now;
  text_ += fmt::format("at {}\n", now);
}

void ScenarioWriter::on_fact(const Fact& fact, const Decisions& /*decisions*/, double now) {
  at(now);
  if (const auto* join = std::get_if<WorkerJoined>(&fact)) {
    text_ += fmt::format("join {} on n{}{}: {}\n", join->worker, join->shape.node, join->more_follow ? " more" : "",
                         slots_text(join->shape));
  } else if (const auto* end = std::get_if<AttemptEnded>(&fact)) {
    const auto name = end->step < graph_->step_count() ? graph_->name(end->step) : "nonsense";
    text_ += fmt::format("{} {}.{} on {}\n", verb_of(end->result.outcome), name, end->attempt, end->worker);
  } else if (const auto* lost = std::get_if<WorkerLost>(&fact)) {
    text_ += fmt::format("lose {}\n", lost->worker);
  } else if (const auto* stop = std::get_if<StopRequested>(&fact)) {
    text_ += "stop " + word_of(stop->kind) + "\n";
  } else if (const auto* hold = std::get_if<HoldRequested>(&fact)) {
    text_ += fmt::format("hold {}\n", hold->seconds);
  }
}

void ScenarioWriter::on_time(const Decisions& decisions, double now) {
  if (!decisions.kills.empty()) at(now);
}

}  // namespace gradus::support
