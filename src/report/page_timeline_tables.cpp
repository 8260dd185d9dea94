// What the timeline shows, as tables.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "report/html.h"
#include "report/page_bars.h"
#include "report/page_sections.h"
#include "report/plain_timeline.h"

namespace gradus::html {
namespace {

using nlohmann::json;

/// A table of more attempts than this helps nobody, and makes the page slow.
constexpr std::size_t most_attempts = 2000;
/// Rows of the table of use over time.
constexpr std::size_t most_bins = 48;

struct LaneSum {
  double attempts = 0, failed = 0, busy_s = 0, first_s = -1, last_s = -1;
};

std::vector<LaneSum> sums(const Bars& bars, std::size_t lanes) {
  std::vector<LaneSum> all(lanes);
  for (const auto& bar : bars.all) {
    if (bar.lane >= lanes) continue;
    auto& lane = all[bar.lane];
    lane.attempts += bar.count;
    if (bars.failed(bar)) lane.failed += bar.count;
    lane.busy_s += bar.end - bar.begin;
    if (lane.first_s < 0) lane.first_s = bar.begin;
    lane.last_s = std::max(lane.last_s, bar.end);
  }
  return all;
}

std::string joined(const json& values) {
  std::string text;
  for (const auto& value : values) {
    text += (text.empty() ? "" : " ") + escape(value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

std::string folded(const std::string& summary, const std::string& inside) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", summary, inside);
}

/// The mean of the column's values in a share of the bins; negative: nothing known.
double mean(const json& column, std::size_t begin, std::size_t end) {
  double sum = 0, values = 0;
  for (auto i = begin; i < std::min(end, column.size()); ++i) {
    if (!column[i].is_number()) continue;
    sum += column[i].get<double>();
    ++values;
  }
  return values > 0 ? sum / values : -1;
}

std::string share_or_none(double value) { return value < 0 ? "–" : share(value); }

std::string mib(const json& object, const char* key, double unit) {
  const double value = number(object, key, -1);
  return value < 0 ? "–" : count(value / unit) + " MiB";
}

std::string attempt_text(const json& one) {
  auto outcome = text(one, "what");
  if (outcome.empty()) outcome = text(one, "outcome");
  auto html = fmt::format("<li>attempt {} in life {} at {}: <b>{}</b>; began at {}, took {}", count(one, "attempt"),
                          count(one, "life"), escape(text(one, "place")), escape(outcome), seconds(one, "begin_s"),
                          seconds(one, "seconds"));
  if (number(one, "user_s", -1) >= 0) {
    html += fmt::format("; CPU time {}", seconds(number(one, "user_s") + number(one, "system_s")));
  }
  if (number(one, "max_rss_kib", -1) >= 0) html += "; memory " + mib(one, "max_rss_kib", 1024);
  if (number(one, "gpu_busy", -1) >= 0) html += fmt::format("; GPU {} busy", share(one, "gpu_busy"));
  if (number(one, "gpu_memory_mib", -1) >= 0) html += "; GPU memory " + mib(one, "gpu_memory_mib", 1);
  return html + "</li>\n";
}

std::string attempts_of(const json& detail) {
  std::string html;
  for (const auto& one : list(detail, "attempts")) html += attempt_text(one);
  return html.empty() ? "<p>It was never started.</p>\n" : "<ul>\n" + html + "</ul>\n";
}

std::string step_text(const Sections& sections, const json& detail) {
  std::string html;
  if (const auto command = text(detail, "command"); !command.empty()) {
    html += fmt::format("<pre class=\"command\" tabindex=\"0\" aria-label=\"Command\">{}</pre>\n", escape(command));
  }
  if (const auto line = text(detail, "line"); !line.empty()) {
    html += fmt::format("<p>Line {} of the steps file.</p>\n", escape(line));
  }
  std::string needs;
  for (const auto& need : list(detail, "needs")) {
    if (need.is_string()) needs += (needs.empty() ? "" : ", ") + sections.step(need.get<std::string>());
  }
  if (!needs.empty()) html += "<p>Needs " + needs + ".</p>\n";
  html += attempts_of(detail);
  const auto& tail = list(detail, "tail");
  if (tail.empty()) return html;
  std::string lines;
  for (const auto& line : tail) lines += escape(line.is_string() ? line.get<std::string>() : line.dump()) + '\n';
  return html +
         fmt::format("<pre class=\"output\" tabindex=\"0\" aria-label=\"Last lines of its output\">{}</pre>\n", lines);
}

}  // namespace

std::string Sections::use() const {
  const auto& use = part(report, "use");
  const auto& times = list(use, "t_s");
  if (times.empty()) return "<p>Too little ran to tell.</p>\n";
  const auto step_of = (times.size() + most_bins - 1) / most_bins;
  Table table("Share of the slots that were busy", {"#From", "#GPU slots", "#CPU slots"});
  for (std::size_t i = 0; i < times.size(); i += step_of) {
    table.row({seconds(times[i].is_number() ? times[i].get<double>() : 0),
               share_or_none(mean(list(use, "gpu"), i, i + step_of)),
               share_or_none(mean(list(use, "cpu"), i, i + step_of))});
  }
  return "<figure class=\"plain\">\n" + plain_use(report) + "</figure>\n" + folded("The same as a table", table.html());
}

std::string Sections::lanes() const {
  const auto& all = list(report, "lanes");
  if (all.empty()) return {};
  const Bars bars(report);
  const auto of_lanes = sums(bars, all.size());
  Table table("Slots",
              {"Slot", "Kind", "GPUs", "Cores", "#Attempts", "#Failed", "#Busy", "#First began", "#Last ended"});
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& sum = of_lanes[i];
    const bool is_used = sum.first_s >= 0;
    table.row({lane_name(i), escape(text(all[i], "kind")), joined(list(all[i], "gpus")), joined(list(all[i], "cores")),
               count(sum.attempts), count(sum.failed), seconds(sum.busy_s), is_used ? seconds(sum.first_s) : "–",
               is_used ? seconds(sum.last_s) : "–"});
  }
  return all.size() <= 16 ? table.html() : folded(fmt::format("Slots ({})", all.size()), table.html());
}

std::string Sections::attempts() const {
  const Bars bars(report);
  if (bars.all.empty()) return {};
  if (bars.all.size() > most_attempts) {
    return fmt::format(
        "<p>{} bars are too many for a table; <code>gradus trace</code> and the journal hold every attempt.</p>\n",
        count(static_cast<double>(bars.all.size())));
  }
  Table table("Attempts by slot", {"Step", "Slot", "#Attempt", "Outcome", "#Began at", "#Took"});
  for (const auto& bar : bars.all) {
    const auto name = bar.step < 0 ? fmt::format("{} short ones", count(bar.count)) : step(bars.step_name(bar));
    table.row({name, lane_name(bar.lane), bar.step < 0 ? "" : count(bar.attempt), escape(bars.outcome_name(bar)),
               seconds(bar.begin), seconds(bar.end - bar.begin)});
  }
  // One that held several slots has a bar on each.
  const auto all = number(part(report, "counts"), "attempts", static_cast<double>(bars.all.size()));
  return folded(fmt::format("All attempts ({})", count(all)), table.html());
}

std::string Sections::steps() const {
  std::string html;
  for (const auto& [name, detail] : part(report, "details").items()) {
    html += fmt::format("<details class=\"step\" id=\"step-{}\" data-name=\"{}\"><summary>{}</summary>\n{}</details>\n",
                        told.at(name), escape(name), escape(name), step_text(*this, detail));
  }
  if (html.empty()) return {};
  const auto head = fmt::format("The failed steps, the slowest, and others that matter ({})", told.size());
  return told.size() <= 20 ? "<h3>" + head + "</h3>\n" + html : folded(head, html);
}

}  // namespace gradus::html
