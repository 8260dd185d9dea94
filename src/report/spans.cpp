#include "report/spans.h"

#include <algorithm>

#include "gradus/outcome.h"
#include "run/status.h"

namespace gradus {

Spans::Spans(const Chronicle& chronicle, const Lanes& lanes, const RunTime& time)
    : chronicle_(chronicle), lanes_(lanes), by_lane_(lanes.all().size()) {
  std::vector<double> free_since(lanes.all().size(), 0.0);
  const auto count = chronicle.attempts().size();
  spans_.resize(count);
  for (std::size_t attempt = 0; attempt < count; ++attempt) place(attempt, time, free_since);
  last_ = count;
  for (std::size_t attempt = 0; attempt < count; ++attempt) {
    if (last_ == count || spans_[attempt].end > spans_[last_].end) last_ = attempt;
  }
}

/// The order of launches is the order in a slot: what waits there begins when the one before has ended.
void Spans::place(std::size_t attempt, const RunTime& time, std::vector<double>& free_since) {
  const auto& row = chronicle_.attempts()[attempt];
  auto& span = spans_[attempt];
  const bool is_timed = row.state == AttemptRow::State::ended && row.started > 0;
  const double begin = is_timed ? row.started : row.launched;
  double end = begin;
  if (is_timed) end = std::max(begin, row.ended);
  if (row.state == AttemptRow::State::lost) end = std::max(begin, row.ended);
  if (row.state == AttemptRow::State::running || row.state == AttemptRow::State::broken_off) {
    end = time.epoch_end(row.life);
  }
  span.lane = lanes_.of(row.life, row.worker, row.slot);
  span.begin = time.at(row.life, begin);
  span.end = time.at(row.life, end);
  if (row.never_began()) return;
  const auto held = lanes(attempt);
  for (const auto lane : held) span.begin = std::max(span.begin, free_since[lane]);
  span.end = std::max(span.begin, span.end);
  for (const auto lane : held) {
    free_since[lane] = span.end;
    by_lane_[lane].push_back(static_cast<std::uint32_t>(attempt));
  }
}

std::vector<LaneIndex> Spans::lanes(std::size_t attempt) const {
  const auto& row = chronicle_.attempts()[attempt];
  std::vector<LaneIndex> all;
  if (spans_[attempt].lane != no_lane) all.push_back(spans_[attempt].lane);
  const auto* wide = chronicle_.wide(attempt);
  if (wide == nullptr) return all;
  const auto add = [&](LaneIndex lane) {
    if (lane != no_lane && std::find(all.begin(), all.end(), lane) == all.end()) all.push_back(lane);
  };
  for (const auto slot : wide->slots) add(lanes_.of(row.life, row.worker, slot));
  for (const auto worker : wide->with) {
    for (const auto lane : lanes_.of_worker(row.life, worker)) add(lane);
  }
  return all;
}

std::uint8_t shown_outcome(const AttemptRow& row, bool is_broken_off) {
  switch (row.state) {
    case AttemptRow::State::running: return is_broken_off ? cut_off : still_running;
    case AttemptRow::State::ended: return static_cast<std::uint8_t>(row.outcome);
    case AttemptRow::State::lost: return static_cast<std::uint8_t>(OutcomeKind::lost_with_worker);
    case AttemptRow::State::broken_off: break;
  }
  return cut_off;
}

const char* shown_outcome_word(std::uint8_t outcome) {
  if (outcome == cut_off) return "cut_off";
  return outcome == still_running ? "running" : word(static_cast<OutcomeKind>(outcome));
}

bool is_trouble(std::uint8_t outcome) {
  return outcome != static_cast<std::uint8_t>(OutcomeKind::succeeded) &&
         outcome != static_cast<std::uint8_t>(OutcomeKind::cancelled) && outcome != still_running;
}

std::string cause_in_words(const Chronicle& chronicle, std::size_t attempt, bool is_broken_off) {
  const auto& row = chronicle.attempts()[attempt];
  const auto outcome = shown_outcome(row, is_broken_off);
  if (outcome == still_running || outcome == cut_off) return end_in_words(chronicle, attempt, is_broken_off);
  return describe({static_cast<OutcomeKind>(outcome), row.code, ""});
}

std::string attempt_in_words(const Chronicle& chronicle, std::size_t attempt, bool is_broken_off) {
  const auto& row = chronicle.attempts()[attempt];
  if (row.state != AttemptRow::State::ended) return cause_in_words(chronicle, attempt, is_broken_off);
  return describe({row.outcome, row.code, std::string(chronicle.detail(attempt))});
}

}  // namespace gradus
