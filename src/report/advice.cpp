#include "report/advice.h"

#include <fmt/format.h>

#include <cmath>

#include "run/summary.h"

namespace gradus {
namespace {

constexpr double worth_a_word = 0.1;  // a share of all slot time

using All = std::vector<Advice>;

std::string nodes_text(std::uint32_t nodes) { return fmt::format("{} node{}", nodes, nodes == 1 ? "" : "s"); }

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

double node_hours(const Prediction& one) { return one.nodes * one.makespan_s / 3600; }

/// `8 nodes would have taken 31 % less time than 4`.
std::string comparison(const Prediction& other, const Prediction& here) {
  const double change = here.makespan_s > 0 ? other.makespan_s / here.makespan_s - 1 : 0;
  const bool as_long = std::abs(change) < 0.005;
  return as_long ? fmt::format("{} would have taken as long as {}", nodes_text(other.nodes), here.nodes)
                 : fmt::format("{} would have taken {} {} than {}", nodes_text(other.nodes), percent(std::abs(change)),
                               change < 0 ? "less time" : "longer", here.nodes);
}

std::string times(const Prediction& other, const Prediction& here) {
  return fmt::format(
      "predicted with the durations that were seen and no failures: {} instead of {}, {:.2f} node hours "
      "instead of {:.2f}",
      duration_text(other.makespan_s), duration_text(here.makespan_s), node_hours(other), node_hours(here));
}

void about_nodes(const Findings& findings, All& all) {
  const auto& table = findings.nodes;
  const auto at = table.sweep.by_nodes.find(table.this_run);
  if (at == table.sweep.by_nodes.end()) return;
  const auto& here = at->second;
  const auto enough = table.sweep.enough_nodes;
  if (enough != 0 && enough < table.this_run) {
    const auto& fewer = table.sweep.by_nodes.at(enough);
    all.push_back(
        {fmt::format("Ask for {} next time: {}", nodes_text(enough), comparison(fewer, here)), times(fewer, here)});
    return;
  }
  for (const auto nodes : {2 * table.this_run, table.this_run / 2}) {
    const auto other = table.sweep.by_nodes.find(nodes);
    if (other == table.sweep.by_nodes.end()) continue;
    const bool is_faster = here.makespan_s >= 1.2 * other->second.makespan_s;
    if (nodes > table.this_run && !is_faster && enough != table.this_run) continue;
    all.push_back({comparison(other->second, here), times(other->second, here)});
    if (is_faster) return;
  }
}

void about_bad_places(const RunStory& story, const Findings& findings, All& all) {
  for (const auto& bad : findings.bad_places) {
    const auto place = story.lanes.place_in_words(bad.lane);
    const auto& gpus = story.lanes.all()[bad.lane].gpus;
    all.push_back({fmt::format("Leave out {} until it was looked at", place),
                   fmt::format("{} of {} attempts failed there{}, though steps succeeded elsewhere; {}", bad.failures,
                               bad.attempts, bad.is_quarantined ? " until it was quarantined" : "",
                               gpus.empty() ? "see what the failed steps wrote and whether the node has its disks"
                                            : "tell those who run the machine which GPU it was, and name the others "
                                              "with --gpus")});
  }
}

/// The last step could have begun earlier: it was ready, but stood far behind in the order.
void about_tail(const RunStory& story, const Findings& findings, All& all) {
  if (!findings.tail) return;
  const auto& tail = *findings.tail;
  const double length = story.time.length();
  if (tail.seconds() < worth_a_word * length || tail.busy_share > 0.7) return;
  const auto last = tail.last.front();
  const double last_s = story.spans.of(last).seconds();
  auto what =
      fmt::format("The last {} ({} of the time) only {} of the slots' time was used: step {} was last, after {}",
                  duration_text(tail.seconds()), percent(tail.seconds() / length), percent(tail.busy_share),
                  story.name_of(last), duration_text(last_s));
  const auto* link = findings.critical_path.empty() ? nullptr : &findings.critical_path.back();
  const bool was_ready = link != nullptr && link->after == CriticalLink::After::slot;
  all.push_back({std::move(what), was_ready ? "it only waited for a slot: with a cost (estimated seconds) or a higher "
                                              "priority it starts earlier"
                                            : "it could not begin before what it needs had ended: only a shorter chain "
                                              "makes the end come sooner, more nodes do not"});
}

void about_gpus(const Findings& findings, All& all) {
  if (findings.gpus.advice.empty()) return;
  all.push_back({fmt::format("{}: {}", findings.gpus.text, findings.gpus.advice),
                 "try it on a part of the steps: two on one GPU also share its memory, its bandwidth and the cores"});
}

void about_lost_time(const Findings& findings, All& all) {
  const auto& lost = findings.lost_time;
  const auto say = [&](LostTo reason, const char* what, const char* why) {
    if (lost.share(reason) < worth_a_word) return;
    all.push_back({fmt::format("{} of the slots' time {}", percent(lost.share(reason)), what), why});
  };
  say(LostTo::retries, "went into attempts that failed and pauses before retries",
      "see the failures by cause; a time limit (timeout) ends what hangs sooner");
  say(LostTo::prerequisites, "was spent waiting for prerequisites",
      "fewer nodes, or several independent chains in one run, fill it");
  say(LostTo::start, "passed before the first step began", "longer runs, or fewer lives, make this small");
  say(LostTo::lost_ranks, "went with ranks that were lost", "see the marks in the timeline for the hosts");
  say(LostTo::quarantine, "stood in quarantine", "see the bad places");
  say(LostTo::drain, "passed while the run was stopping",
      "with --time-limit or the job's end known, steps that do not fit are not started");
  say(LostTo::other, "passed between steps",
      "steps that take less than a second are better put together in one command");
}

}  // namespace

std::vector<Advice> advice_of(const RunStory& story, const Findings& findings) {
  All all;
  about_nodes(findings, all);
  about_bad_places(story, findings, all);
  about_tail(story, findings, all);
  about_gpus(findings, all);
  about_lost_time(findings, all);
  return all;
}

}  // namespace gradus
