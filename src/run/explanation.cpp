#include "run/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>

#include "core/order.h"
#include "core/slot_choice.h"
#include "gradus/durations.h"
#include "run/summary.h"

namespace gradus {
namespace {

constexpr std::size_t most_named = 3;

/// The workers that are left, without their quarantined slots.
std::vector<std::pair<WorkerId, WorkerShape>> shapes_left(const RunStatus& status, const Chronicle& chronicle) {
  Plan plan;
  const auto& life = chronicle.lives().back();
  for (const auto& worker : status.workers) {
    if (worker.lost) continue;
    PlannedRank rank;
    rank.rank = worker.worker;
    rank.node = worker.node;
    rank.host = worker.host;
    const auto& records = life.workers.at(worker.worker).record.slots;
    for (std::size_t i = 0; i < worker.slots.size(); ++i) {
      if (worker.slots[i].is_quarantined) continue;
      PlannedSlot slot;
      slot.rank = worker.worker;
      for (const auto& gpu : records[i].gpus) slot.gpus.push_back({gpu, gpu, gpu, "", ""});
      slot.cores = records[i].cores;
      rank.slots.push_back(std::move(slot));
    }
    rank.has_slots = !rank.slots.empty();
    if (rank.has_slots) plan.ranks.push_back(std::move(rank));
  }
  return worker_shapes(plan);
}

bool can_hold(const Demand& demand, const WorkerShape& worker) {
  std::vector<std::uint32_t> all(worker.slots.size());
  std::iota(all.begin(), all.end(), 0U);
  return choose_slots(demand, worker.slots, all).has_value();
}

std::string asked(const Demand& demand) {
  if (demand.nodes > 0) return fmt::format("{} whole node{}", demand.nodes, demand.nodes > 1 ? "s" : "");
  const auto text = in_words(demand);
  if (text.empty()) return "a slot";
  return demand.gpus > 1 ? text + " of one rank" : text;
}

}  // namespace

Explanation::Explanation(const RunStatus& status, const Chronicle& chronicle, const Graph& graph)
    : status_(status), chronicle_(chronicle), graph_(graph), readiness_(graph, chronicle) {
  if (!is_of_latest_life(graph, chronicle)) throw std::invalid_argument("these steps are not those of the latest life");
}

/// `runs on h1 slot 0 GPU 0 since 15:03:20`.
std::string Explanation::whereabouts(StepIndex step) const {
  const auto ordinal = step + 1;
  for (const auto& one : status_.running) {
    if (chronicle_.attempts()[one.attempt].ordinal != ordinal) continue;
    if (status_.is_broken_off()) return fmt::format("was on {} when the run was broken off", one.place);
    if (one.waits) return fmt::format("waits on {} for what runs there", one.place);
    return fmt::format("runs on {} since {}", one.place, time_in_words(one.since, status_.now));
  }
  switch (chronicle_.standing(ordinal)) {
    case StepStanding::failed: {
      const auto latest = chronicle_.latest_attempt(ordinal);
      if (!latest) return "has failed";
      return fmt::format("has failed: {} on {}", end_in_words(chronicle_, *latest),
                         place_in_words(chronicle_, chronicle_.attempts()[*latest]));
    }
    case StepStanding::skipped: return "was skipped";
    case StepStanding::succeeded: return "has succeeded";
    case StepStanding::again: return "has failed and will be tried again";
    default: break;
  }
  if (readiness_.succeeded(step)) return "succeeded in an earlier life";
  if (!readiness_.is_ready(step)) return "waits itself";
  if (ended_for_time()) return "is left to --resume for the time limit";
  return is_running_run() ? "could start, and waits for a slot" : "could start";
}

std::string Explanation::needs_in_words(StepIndex node) const {
  const auto unmet = readiness_.held_back_by(node);
  std::vector<std::string> parts;
  for (const auto need : unmet) {
    if (parts.size() == most_named) break;
    if (graph_.is_barrier(need)) {
      const auto before = readiness_.held_back_by(need);
      std::vector<std::string> names;
      for (std::size_t i = 0; i < std::min(before.size(), most_named); ++i) {
        names.push_back(graph_.is_barrier(before[i]) ? "an earlier barrier"
                                                     : graph_.name(before[i]) + " " + whereabouts(before[i]));
      }
      parts.push_back(fmt::format("a barrier, which waits for {} step{}: {}{}", before.size(),
                                  before.size() == 1 ? "" : "s", fmt::join(names, "; "),
                                  before.size() > names.size() ? " …" : ""));
    } else {
      parts.push_back(fmt::format("{}, which {}", graph_.name(need), whereabouts(need)));
    }
  }
  auto text = fmt::format("{}", fmt::join(parts, "; "));
  if (unmet.size() > parts.size()) text += fmt::format("; and {} more", unmet.size() - parts.size());
  return text;
}

/// By its exit code: 75, or 1 where nothing has succeeded in that life (see exit_code() in run/summary.h).
bool Explanation::ended_for_time() const {
  if (!status_.until || !status_.stops.empty() || status_.state != "stopped") return false;
  const bool achieved_nothing = status_.counts.succeeded == status_.counts.kept;
  return status_.exit_code == 75 || (status_.exit_code == 1 && achieved_nothing);
}

std::vector<std::string> Explanation::ended_run() const {
  if (is_running_run()) {
    if (status_.stops.empty()) return {};
    return {fmt::format("the run is stopping ({}): nothing new is started; --resume goes on with what is left",
                        stop_in_words(status_.stops.back()))};
  }
  std::vector<std::string> reasons{fmt::format("the run is not going on: {}", status_.state_text)};
  for (const auto& stop : status_.stops) {
    reasons.push_back(
        fmt::format("it was told to stop at {}: {}", time_in_words(stop.t, status_.now), stop_in_words(stop)));
  }
  return reasons;
}

std::string Explanation::stop_in_words(const LifeStory::Stop& stop) const {
  if (stop.ordinal == 0 || stop.ordinal > graph_.step_count()) return stop.why;
  const StepIndex step = stop.ordinal - 1;
  return fmt::format("--on-error stop, for {}, which {}", graph_.name(step), whereabouts(step));
}

std::vector<std::string> Explanation::of_step(StepIndex step) const {
  const auto ordinal = step + 1;
  const auto standing = chronicle_.standing(ordinal);
  if (standing == StepStanding::skipped) {
    const auto because = chronicle_.skipped_because(ordinal);
    if (because == 0) return {"it was skipped"};
    return {fmt::format("it was skipped because of {}, which {}", graph_.name(because - 1), whereabouts(because - 1))};
  }
  if (!readiness_.waits(step)) return {"it " + whereabouts(step)};
  return of_waiting(step);
}

std::vector<std::string> Explanation::of_waiting(StepIndex step) const {
  if (chronicle_.lives().empty()) return {"the run has not begun"};
  auto reasons = ended_run();
  if (readiness_.is_ready(step)) {
    const auto more = of_ready(step);
    reasons.insert(reasons.end(), more.begin(), more.end());
    return reasons;
  }
  reasons.push_back("it needs " + needs_in_words(step));
  const auto root = readiness_.root_of(step);
  const auto direct = readiness_.held_back_by(step);
  const bool is_far = std::find(direct.begin(), direct.end(), root) == direct.end();
  if (is_far && root < graph_.step_count()) {
    reasons.push_back(fmt::format("in the end for {}, which {}", graph_.name(root), whereabouts(root)));
  }
  return reasons;
}

std::vector<std::string> Explanation::of_ready(StepIndex step) const {
  std::vector<std::string> reasons;
  if (chronicle_.standing(step + 1) == StepStanding::again) {
    const auto latest = chronicle_.latest_attempt(step + 1);
    const auto& row = chronicle_.attempts()[*latest];
    auto reason = fmt::format("attempt {} on {}: {}", row.attempt, place_in_words(chronicle_, row),
                              end_in_words(chronicle_, *latest));
    if (is_running_run()) {
      reason += "; the next waits for its back-off (--retry-delay), or for another place than that";
      if (status_.until) reason += ", and is left to --resume where it would come too late for the time limit";
    }
    reasons.push_back(std::move(reason));
  }
  if (!is_running_run()) {
    // As things stood at its last record.
    auto reason = status_.is_broken_off() ? "" : capacity(step);
    if (reason.empty() && may_be_for_time()) reason = lack_of_time(step, status_.last);
    if (reason.empty() && ended_for_time()) reason = "it is left to --resume for the time limit";
    if (!reason.empty()) reasons.push_back(std::move(reason));
    return reasons;
  }
  if (!status_.stops.empty()) return reasons;
  if (auto reason = capacity(step); !reason.empty()) {
    reasons.push_back(std::move(reason));
    return reasons;
  }
  if (auto reason = lack_of_time(step, status_.now); !reason.empty()) {
    reasons.push_back(std::move(reason));
    return reasons;
  }
  // One that has failed waits for its time, or for another place: not for any slot that is free.
  const bool is_held_back = !reasons.empty() && status_.slots_busy() < status_.slots_there();
  if (!is_held_back) reasons.push_back(queue(step));
  return reasons;
}

/// By the scheduler's own rule, from those that have succeeded in this life. (The scheduler knows earlier lives too.)
std::string Explanation::lack_of_time(StepIndex step, double at) const {
  if (!status_.until) return "";
  DurationModel durations;
  for (auto i = chronicle_.lives().back().first_attempt; i < chronicle_.attempts().size(); ++i) {
    const auto& row = chronicle_.attempts()[i];
    if (row.state != AttemptRow::State::ended || row.outcome != OutcomeKind::succeeded) continue;
    durations.observe(command_shape(graph_.step(row.ordinal - 1).command), row.seconds());
  }
  const double cost = graph_.step(step).cost;
  const double needed = durations.needed_s(command_shape(graph_.step(step).command), cost);
  if (at + needed <= *status_.until) return "";
  if (needed <= 0) {
    return fmt::format("what runs is ended {} (time limit), and nothing is started after that: it is left to --resume",
                       time_in_words(*status_.until, status_.now));
  }
  return fmt::format("it may take {} {}, and what runs is ended {} (time limit): it is left to --resume",
                     duration_text(needed), needed > cost ? "by what steps like it took" : "by its cost",
                     time_in_words(*status_.until, status_.now));
}

/// What it asks for that is not there any more; nothing when some worker can hold it.
std::string Explanation::capacity(StepIndex step) const {
  const auto demand = demand_of(graph_, step);
  if (demand.nodes > 0) return "";
  const auto workers = shapes_left(status_, chronicle_);
  const bool fits =
      std::any_of(workers.begin(), workers.end(), [&](const auto& one) { return can_hold(demand, one.second); });
  if (fits) return "";
  std::size_t lost = 0;
  for (const auto& worker : status_.workers) lost += worker.lost ? 1 : 0;
  return fmt::format("it asks for {}, and no rank that is left has that: {} rank{} lost, {} slot{} quarantined",
                     asked(demand), lost, lost == 1 ? "" : "s", status_.quarantines.size(),
                     status_.quarantines.size() == 1 ? "" : "s");
}

/// Where it stands among those that could start, in the scheduler's order.
std::string Explanation::queue(StepIndex step) const {
  const auto goes_before = [&](StepIndex other) {
    const auto a = graph_.options(other).priority, b = graph_.options(step).priority;
    if (a != b) return a > b;
    const auto path = graph_.longest_path_s(other), own = graph_.longest_path_s(step);
    return path != own ? path > own : other < step;
  };
  std::size_t higher = 0, before = 0;
  for (StepIndex other = 0; other < graph_.step_count(); ++other) {
    if (other == step || !readiness_.is_ready(other) || !goes_before(other)) continue;
    ++before;
    if (graph_.options(other).priority > graph_.options(step).priority) ++higher;
  }
  const auto there = status_.slots_there(), busy = status_.slots_busy();
  const auto demand = demand_of(graph_, step);
  auto text = fmt::format("it could start and waits for {}: {} of {} slots are busy", asked(demand), busy, there);
  if (before > 0) {
    text += fmt::format(", and {} step{} that could start go{} before it", before, before == 1 ? "" : "s",
                        before == 1 ? "es" : "");
    if (higher > 0) text += fmt::format(" ({} by a higher priority)", higher);
  }
  if (busy < there) {
    text +=
        "; free ones are kept for a step over several slots, do not suit it, or it is not expected to end before the "
        "time limit";
  }
  return text;
}

/// The running steps that hold back most of those that wait.
std::vector<std::string> Explanation::holders_back() const {
  std::map<StepIndex, std::size_t> held;  // by the step at the end of the chain
  for (StepIndex step = 0; step < graph_.step_count(); ++step) {
    if (readiness_.waits(step) && !readiness_.is_ready(step)) ++held[readiness_.root_of(step)];
  }
  std::vector<std::pair<StepIndex, std::size_t>> most(held.begin(), held.end());
  std::stable_sort(most.begin(), most.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> lines;
  for (const auto& [root, count] : most) {
    if (lines.size() == most_named) break;
    if (graph_.is_barrier(root)) continue;
    lines.push_back(fmt::format("{} step{} wait{} for {}, which {}", count, count == 1 ? "" : "s",
                                count == 1 ? "s" : "", graph_.name(root), whereabouts(root)));
  }
  return lines;
}

/// Of so many steps that need nothing more.
std::string Explanation::could_start(std::size_t count, const std::string& on) const {
  const auto* const plural = count == 1 ? "" : "s";
  if (is_running_run()) {
    return fmt::format("{} step{} could start and wait{} for {}", count, plural, count == 1 ? "s" : "", on);
  }
  if (ended_for_time()) {
    return fmt::format("{} step{} that ask{} for {} {} left to --resume for the time limit ({})", count, plural,
                       count == 1 ? "s" : "", on, count == 1 ? "is" : "are",
                       time_in_words(*status_.until, status_.now));
  }
  return fmt::format("{} step{} could start on {}", count, plural, on);
}

std::vector<std::string> Explanation::of_run() const {
  if (chronicle_.lives().empty()) return {"the run has not begun"};
  auto reasons = ended_run();
  const auto there = status_.slots_there(), busy = status_.slots_busy();
  std::map<Demand, std::size_t> ready;
  std::size_t waiting = 0, again = 0;
  StepIndex first_ready = no_step;
  for (StepIndex step = 0; step < graph_.step_count(); ++step) {
    if (!readiness_.waits(step)) continue;
    ++waiting;
    if (!readiness_.is_ready(step)) continue;
    if (first_ready == no_step) first_ready = step;
    if (chronicle_.standing(step + 1) == StepStanding::again) ++again;
    ++ready[demand_of(graph_, step)];
  }
  if (is_running_run()) reasons.push_back(fmt::format("{} of {} slots are busy", busy, there));
  if (waiting == 0) reasons.emplace_back("no step waits any more");
  for (const auto& [demand, count] : ready) {
    reasons.push_back(could_start(count, asked(demand)));
  }
  if (again > 0) reasons.push_back(fmt::format("{} of them have failed and are to be tried again", again));
  if (is_running_run() && first_ready != no_step) {
    for (const auto& [demand, count] : ready) {
      const auto workers = shapes_left(status_, chronicle_);
      const bool fits =
          demand.nodes > 0 || std::any_of(workers.begin(), workers.end(),
                                          [&, &what = demand](const auto& one) { return can_hold(what, one.second); });
      if (!fits) reasons.push_back(fmt::format("no rank that is left has {}", asked(demand)));
    }
  }
  const auto holders = holders_back();
  reasons.insert(reasons.end(), holders.begin(), holders.end());
  if (!status_.quarantines.empty()) {
    reasons.push_back(fmt::format("{} slot{} quarantined", status_.quarantines.size(),
                                  status_.quarantines.size() == 1 ? " is" : "s are"));
  }
  return reasons;
}

}  // namespace gradus
