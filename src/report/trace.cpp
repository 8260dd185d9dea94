#include "report/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "core/json_string.h"
#include "report/prerequisites.h"

namespace gradus {
namespace {

constexpr std::size_t piece_bytes = 1U << 16;
/// An attempt of no length at all would be no slice that an arrow can end at.
constexpr std::int64_t shortest_us = 2;
/// Clocks of nodes differ: an arrow may point back by so much.
constexpr std::int64_t clock_doubt_us = 500000;

std::int64_t microseconds(double seconds) { return std::llround(1e6 * seconds); }

struct Slice {
  std::int64_t begin = 0, end = 0;
};

class Writer {
 public:
  Writer(const RunStory& story, const TraceOutput& output) : story_(story), output_(output), prerequisites_(story) {}

  void all() {
    text_ = R"({"displayTimeUnit":"ms","traceEvents":[)";
    names();
    lay_out();
    for (std::uint32_t attempt = 0; attempt < story_.attempts(); ++attempt) slices(attempt);
    for (std::uint32_t step = 0; step < story_.steps.size(); ++step) arrows(step);
    for (std::uint32_t life = 0; life < story_.time.lives(); ++life) instants(life);
    text_ += "\n]}\n";
    output_(text_);
  }

 private:
  template <class... T>
  void event(fmt::format_string<T...> format, T&&... values) {
    text_ += is_first_ ? "\n{" : ",\n{";
    is_first_ = false;
    fmt::format_to(std::back_inserter(text_), format, std::forward<T>(values)...);
    text_ += '}';
    if (text_.size() < piece_bytes) return;
    output_(text_);
    text_.clear();
  }

  // Process 0 would be hidden; what has no place is in a process of its own.
  std::uint32_t process(LaneIndex lane) const {
    return lane == no_lane ? unknown() : story_.lanes.all()[lane].node + 1;
  }
  std::uint32_t unknown() const { return static_cast<std::uint32_t>(story_.lanes.hosts().size()) + 1; }
  static std::uint32_t thread(LaneIndex lane) { return lane == no_lane ? 1 : lane + 1; }

  void name(const char* what, std::uint32_t pid, std::uint32_t tid, const std::string& name) {
    event(R"("name":"{}_name","ph":"M","pid":{},"tid":{},"args":{{"name":{}}})", what, pid, tid, json_string(name));
    event(R"("name":"{}_sort_index","ph":"M","pid":{},"tid":{},"args":{{"sort_index":{}}})", what, pid, tid,
          what[0] == 'p' ? pid : tid);
  }

  void names() {
    const auto& hosts = story_.lanes.hosts();
    for (std::uint32_t node = 0; node < hosts.size(); ++node) name("process", node + 1, 0, hosts[node]);
    const auto& lanes = story_.lanes.all();
    for (LaneIndex lane = 0; lane < lanes.size(); ++lane) {
      const auto& one = lanes[lane];
      name("thread", process(lane), thread(lane),
           fmt::format("slot {}{}{}", one.slot, one.has_gpu() ? " GPU " : "", fmt::join(one.gpus, " ")));
    }
  }

  /// Slices of a thread must not overlap, also when several steps of no length share a millisecond.
  void lay_out() {
    std::vector<std::int64_t> free_since(story_.lanes.all().size(), 0);
    slices_.reserve(story_.attempts());
    for (std::uint32_t attempt = 0; attempt < story_.attempts(); ++attempt) {
      const auto& span = story_.spans.of(attempt);
      Slice slice{microseconds(span.begin), microseconds(span.end)};
      const auto held = story_.row(attempt).never_began() ? std::vector<LaneIndex>() : story_.spans.lanes(attempt);
      for (const auto lane : held) slice.begin = std::max(slice.begin, free_since[lane]);
      slice.end = std::max(slice.begin + shortest_us, slice.end);
      for (const auto lane : held) free_since[lane] = slice.end;
      slices_.push_back(slice);
    }
  }

  void slices(std::uint32_t attempt) {
    const auto& row = story_.row(attempt);
    const auto outcome = story_.outcome_of(attempt);
    if (row.never_began()) return;
    const auto [begin, end] = slices_[attempt];
    auto held = story_.spans.lanes(attempt);
    if (held.empty()) held.push_back(no_lane);
    for (const auto lane : held) {
      event(R"("name":{},"cat":"{}","ph":"X","pid":{},"tid":{},"ts":{},"dur":{},"cname":"{}","args":{{"step":{},)"
            R"("outcome":"{}","attempt":{},"life":{},"what":{},"user_s":{:.3f},"system_s":{:.3f},"max_rss_kib":{}}})",
            json_string(story_.name_of(attempt)), shown_outcome_word(outcome), process(lane), thread(lane), begin,
            end - begin, colour(outcome), row.ordinal, shown_outcome_word(outcome), row.attempt, row.life + 1,
            json_string(story_.end_of(attempt)), row.usage.user_s, row.usage.system_s, row.usage.max_rss_kib);
    }
  }

  static const char* colour(std::uint8_t outcome) {
    if (outcome == static_cast<std::uint8_t>(OutcomeKind::succeeded)) return "good";
    if (outcome == still_running) return "thread_state_running";
    return is_trouble(outcome) ? "terrible" : "grey";
  }

  /// From each step that it needs, and of all above a barrier from the one that ended last.
  void arrows(std::uint32_t step) {
    const auto node = story_.steps.in_graph(step);
    if (node == no_step) return;
    for (const auto need : story_.graph->needs(node)) {
      const auto from = prerequisites_.latest_of(need);
      if (from) arrow(*from, story_.steps.attempts(step).front());
    }
  }

  /// An arrow is bound to the slice in which each of its ends lies.
  void arrow(std::uint32_t from, std::uint32_t to) {
    const auto begin = slices_[from].end - 1, end = slices_[to].begin;
    if (begin > end + clock_doubt_us) return;  // it ran again after what needs it had been started
    if (story_.row(from).never_began() || story_.row(to).never_began()) return;
    const auto lane_from = story_.spans.of(from).lane, lane_to = story_.spans.of(to).lane;
    ++arrows_;
    event(R"("name":"needs","cat":"needs","ph":"s","id":{},"pid":{},"tid":{},"ts":{})", arrows_, process(lane_from),
          thread(lane_from), begin);
    event(R"("name":"needs","cat":"needs","ph":"f","bp":"e","id":{},"pid":{},"tid":{},"ts":{})", arrows_,
          process(lane_to), thread(lane_to), end);
  }

  /// `scope`: g everywhere, p a process, t a thread.
  void instant(char scope, LaneIndex lane, double t_s, const char* kind, const std::string& text) {
    event(R"("name":{},"cat":"{}","ph":"i","s":"{}","pid":{},"tid":{},"ts":{})", json_string(text), kind, scope,
          scope == 'g' ? 1 : process(lane), scope == 't' ? thread(lane) : 0, microseconds(t_s));
  }

  void instants(std::uint32_t life) {
    const auto& story = story_.chronicle.lives()[life];
    const auto at = [&](double t) { return story_.time.at(life, t); };
    instant('g', no_lane, story_.time.begin(life), "life", fmt::format("life {} begins", life + 1));
    for (const auto& stop : story.stops) instant('g', no_lane, at(stop.t), "stop", stop.kind + ": " + stop.why);
    for (const auto& bad : story.quarantines) {
      const auto lane = story_.lanes.of_slot(life, bad.worker, bad.slot);
      instant(
          't', lane, at(bad.t), "quarantine",
          fmt::format("quarantined after {} failures in a row: {}", bad.failures, story_.lanes.place_in_words(lane)));
    }
    for (const auto& [id, worker] : story.workers) {
      if (!worker.lost) continue;
      instant('p', story_.lanes.of(life, id, 0), at(*worker.lost), "lost",
              fmt::format("rank {} was lost: {}", id, worker.why_lost));
    }
  }

  const RunStory& story_;
  const TraceOutput& output_;
  Prerequisites prerequisites_;
  std::vector<Slice> slices_;  // by attempt
  std::string text_;
  bool is_first_ = true;
  std::uint64_t arrows_ = 0;
};

}  // namespace

void write_trace(const RunStory& story, const TraceOutput& output) { Writer(story, output).all(); }

}  // namespace gradus
