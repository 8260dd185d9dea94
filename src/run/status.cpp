#include "run/status.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "run/slot_place.h"
#include "run/time_left.h"

namespace gradus {
namespace {

constexpr double rate_window_s = 600;

struct StateWords {
  std::string state, text;
};

StateWords state_of(const Chronicle& chronicle, RunPulse pulse) {
  if (chronicle.lives().empty()) return {"unknown", "has not begun"};
  const auto& life = chronicle.lives().back();
  if (pulse == RunPulse::runs) {
    if (!life.stops.empty()) return {"running", "running, and stopping: " + life.stops.back().why};
    return {"running", "running"};
  }
  if (!life.over) {
    if (pulse == RunPulse::unknown) return {"unknown", "no end was recorded, and its lock cannot be looked at"};
    return {"broken off", "broken off: killed, or its machine went down; --resume goes on"};
  }
  if (life.over->exit_code == 3) return {"interrupted", "interrupted by what the machine refused; --resume goes on"};
  if (life.over->waiting > 0) return {"stopped", "stopped; --resume goes on"};
  return {"finished", "finished"};
}

using SlotTimes = std::map<std::pair<std::uint32_t, std::uint32_t>, double>;  // by worker and slot index

/// When the slots on which something was sent ahead became free last.
SlotTimes freed_slots(const Chronicle& chronicle, const std::vector<std::size_t>& running) {
  const auto& rows = chronicle.attempts();
  SlotTimes freed;
  for (const auto index : running) {
    if (rows[index].waits) freed[{rows[index].worker, rows[index].slot}] = 0;
  }
  if (freed.empty()) return freed;
  for (auto i = chronicle.lives().back().first_attempt; i < rows.size(); ++i) {
    if (rows[i].state == AttemptRow::State::running) continue;
    const auto it = freed.find({rows[i].worker, rows[i].slot});
    if (it != freed.end()) it->second = std::max(it->second, rows[i].ended);
  }
  return freed;
}

void add_running(const Chronicle& chronicle, RunStatus& status) {
  const auto running = chronicle.running();
  const auto freed = freed_slots(chronicle, running);
  std::set<std::pair<std::uint32_t, std::uint32_t>> held;
  for (const auto index : running) {
    const auto& row = chronicle.attempts()[index];
    // By launch, so the first of a slot runs and the others wait behind it.
    const bool waits = !held.insert({row.worker, row.slot}).second;
    // One that waited has the slot since what was there before has ended.
    const auto free_at = freed.find({row.worker, row.slot});
    const double since = row.waits && free_at != freed.end() ? std::max(row.launched, free_at->second) : row.launched;
    status.running.push_back(
        {index, chronicle.name_of(row), place_in_words(chronicle, row), since, row.attempt, waits});
  }
}

void add_failed(const Chronicle& chronicle, RunStatus& status) {
  const auto& rows = chronicle.attempts();
  for (auto i = rows.size(); i > chronicle.lives().back().first_attempt; --i) {
    const auto& row = rows[i - 1];
    if (chronicle.standing(row.ordinal) != StepStanding::failed) continue;
    if (chronicle.latest_attempt(row.ordinal) != i - 1) continue;
    status.failed.push_back({i - 1, chronicle.name_of(row), place_in_words(chronicle, row),
                             end_in_words(chronicle, i - 1), row.attempt, row.ended});
  }
}

void add_workers(const Chronicle& chronicle, RunStatus& status) {
  const auto& life = chronicle.lives().back();
  std::set<std::pair<std::uint32_t, std::uint32_t>> busy;  // worker, slot index
  std::set<std::uint32_t> whole;
  const auto running = status.is_broken_off() ? std::vector<std::size_t>{} : chronicle.running();
  for (const auto index : running) {
    const auto& row = chronicle.attempts()[index];
    busy.insert({row.worker, row.slot});
    if (const auto* wide = chronicle.wide(index)) {
      for (const auto slot : wide->slots) busy.insert({row.worker, slot});
      whole.insert(wide->with.begin(), wide->with.end());
    }
  }
  for (const auto& [number, worker] : life.workers) {
    RunStatus::Worker one{number, worker.record.node, worker.record.host, {}, worker.lost, worker.why_lost};
    for (std::uint32_t i = 0; i < worker.record.slots.size(); ++i) {
      const auto& slot = worker.record.slots[i];
      const bool is_bad = std::any_of(life.quarantines.begin(), life.quarantines.end(),
                                      [&](const auto& bad) { return bad.slot == slot.slot; });
      one.slots.push_back({slot.slot, slot.gpus, busy.contains({number, i}) || whole.contains(number), is_bad});
    }
    status.workers.push_back(std::move(one));
  }
}

void add_rate(const Chronicle& chronicle, RunStatus& status) {
  const auto& life = chronicle.lives().back();
  const double end = status.state == "running" ? status.now : status.last;
  const double begin = std::max(life.begin, end - rate_window_s);
  const auto& rows = chronicle.attempts();
  std::uint64_t ended = 0;
  for (auto i = life.first_attempt; i < rows.size(); ++i) {
    if (rows[i].state != AttemptRow::State::ended || rows[i].outcome == OutcomeKind::cancelled) continue;
    if (rows[i].ended >= begin) ++ended;
  }
  if (end > begin) status.rate_per_s = static_cast<double>(ended) / (end - begin);
}

}  // namespace

std::string place_in_words(const Chronicle& chronicle, const AttemptRow& attempt) {
  const auto& workers = chronicle.lives().at(attempt.life).workers;
  const auto worker = workers.find(attempt.worker);
  if (worker == workers.end()) return "rank " + std::to_string(attempt.worker);
  const auto& record = worker->second.record;
  if (attempt.slot >= record.slots.size()) return record.host;
  const auto& slot = record.slots[attempt.slot];
  return slot_place(record.host, slot.slot, slot.gpus);
}

std::string end_in_words(const Chronicle& chronicle, std::size_t attempt, bool is_broken_off) {
  const auto& row = chronicle.attempts()[attempt];
  const bool is_cut_off = is_broken_off && row.state == AttemptRow::State::running;
  switch (is_cut_off ? AttemptRow::State::broken_off : row.state) {
    case AttemptRow::State::running: return "running";
    case AttemptRow::State::lost: return "lost with its rank";
    case AttemptRow::State::broken_off: return "its end is not known: the run was broken off";
    case AttemptRow::State::ended: break;
  }
  return describe({row.outcome, row.code, std::string(chronicle.detail(attempt))});
}

std::uint64_t RunStatus::slots_there() const {
  std::uint64_t count = 0;
  for (const auto& one : workers) {
    if (one.lost) continue;
    for (const auto& slot : one.slots) count += slot.is_quarantined ? 0 : 1;
  }
  return count;
}

std::uint64_t RunStatus::slots_busy() const {
  std::uint64_t count = 0;
  for (const auto& one : workers) {
    if (one.lost) continue;
    for (const auto& slot : one.slots) count += slot.is_busy ? 1 : 0;
  }
  return count;
}

RunStatus status_of(const std::string& run, const Chronicle& chronicle, RunPulse pulse, double now,
                    const KnownSteps* steps) {
  RunStatus status;
  status.run = run;
  status.now = now;
  const auto words = state_of(chronicle, pulse);
  status.state = words.state;
  status.state_text = words.text;
  if (chronicle.lives().empty()) return status;
  const auto& life = chronicle.lives().back();
  status.steps_file = life.steps_file;
  status.life = static_cast<std::uint32_t>(chronicle.lives().size());
  status.began = life.begin;
  status.last = life.last;
  if (life.over) status.exit_code = life.over->exit_code;
  if (life.until > 0) status.until = life.until;
  status.counts = chronicle.counts();
  status.quarantines = life.quarantines;
  status.stops = life.stops;
  add_running(chronicle, status);
  add_failed(chronicle, status);
  add_workers(chronicle, status);
  add_rate(chronicle, status);
  status.left_s = time_left_s(status, chronicle, steps);
  return status;
}

}  // namespace gradus
