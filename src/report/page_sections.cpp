#include "report/page_sections.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/html.h"

namespace gradus::html {
namespace {

using nlohmann::json;

std::string nothing(const char* what) { return fmt::format("<p>{}</p>\n", what); }

std::string fact(const char* name, const std::string& value) {
  if (value.empty()) return {};
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
}

std::string output(const json& lines) {
  if (lines.empty()) return {};
  std::string text;
  for (const auto& line : lines) text += escape(line.is_string() ? line.get<std::string>() : line.dump()) + '\n';
  return fmt::format("<pre class=\"output\" tabindex=\"0\" aria-label=\"Output\">{}</pre>\n", text);
}

std::string places(const json& list_of_places) {
  std::string text;
  for (const auto& place : list_of_places) {
    text +=
        fmt::format("{}{} ({})", text.empty() ? "" : ", ", escape(html::text(place, "place")), count(place, "count"));
  }
  return text.empty() ? "" : fmt::format("<p>Where: {}.</p>\n", text);
}

std::string command(const std::string& text) { return fmt::format("<code class=\"command\">{}</code>", escape(text)); }

/// Of how many kinds a slot's lost time is shown in one bar; more would be the same hatches again.
constexpr std::size_t bar_kinds = 8;

std::string share_bar(const std::vector<std::pair<std::string, double>>& parts, double all) {
  std::string bar;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double of_all = all > 0 ? parts[i].second / all : 0;
    if (!(of_all > 0)) continue;
    bar +=
        fmt::format("<span class=\"p{}\" style=\"flex-grow:{:.4f}\" title=\"{}: {}\">{}</span>", i % bar_kinds, of_all,
                    escape(parts[i].first), share(of_all), of_all > 0.07 ? fmt::format("{:.0f}%", of_all * 100) : "");
  }
  return fmt::format("<div class=\"stack\" aria-hidden=\"true\">{}</div>\n", bar);
}

/// `2026-11-27 15:00:00+01:00`.
std::string moment(const json& object, const char* key) {
  auto text = html::text(object, key);
  if (text.size() > 10 && text[10] == 'T') text[10] = ' ';
  return escape(text);
}

bool has_mark(const json& report, std::string_view kind) {
  for (const auto& mark : list(report, "marks")) {
    if (text(mark, "kind") == kind) return true;
  }
  return false;
}

}  // namespace

Sections::Sections(const json& of) : report(of) {
  std::size_t ordinal = 0;
  for (const auto& [name, detail] : part(of, "details").items()) told.emplace(name, ordinal++);
}

std::string Sections::step(const std::string& name) const {
  const auto at = told.find(name);
  if (at == told.end()) return escape(name);
  return fmt::format("<a href=\"#step-{}\" data-step=\"{}\">{}</a>", at->second, escape(name), escape(name));
}

std::string Sections::lane_name(std::size_t lane) const {
  const auto& all = list(report, "lanes");
  if (lane >= all.size()) return "?";
  const auto& nodes_of = list(report, "nodes");
  const auto node = index(all[lane], "node");
  const auto host = node < nodes_of.size() ? text(nodes_of[node], "host") : std::string("?");
  return escape(fmt::format("{} slot {}", host, text(all[lane], "slot")));
}

std::string Sections::state() const {
  const auto state = text(part(report, "run"), "state");
  return state.empty() ? "" : fmt::format("<span class=\"state\">{}</span>", escape(state));
}

std::string Sections::facts() const {
  const auto& run = part(report, "run");
  std::string slots;
  if (const auto all = list(report, "lanes").size(); all > 0) {
    const auto hosts = list(report, "nodes").size();
    slots = fmt::format("{} on {} node{}", count(static_cast<double>(all)), hosts, hosts == 1 ? "" : "s");
  }
  const auto life_count = list(run, "lives").size();
  return fact("Steps file", escape(text(run, "steps_file"))) + fact("Began", moment(run, "began")) +
         fact("Ended", moment(run, "ended")) + fact("Wall time", seconds(run, "wall_s")) +
         fact("Exit code", escape(text(run, "exit_code"))) + fact("Slots", slots) +
         (life_count > 1 ? fact("Lives", count(static_cast<double>(life_count))) : "");
}

std::string Sections::counts() const {
  const auto& numbers = part(report, "counts");
  std::string text = "<ul class=\"counts\">\n";
  for (const char* key : {"total", "succeeded", "failed", "skipped", "waiting", "running", "cut_off", "kept",
                          "attempts", "retries", "lost"}) {
    const double value = number(numbers, key, -1);
    if (value < 0 || (value == 0 && std::string_view(key) != "failed")) continue;
    text += fmt::format("<li class=\"{}\"><b>{}</b> {}</li>\n", key, count(value), spaced(key));
  }
  return text + "</ul>\n";
}

std::string Sections::advice() const {
  std::string text;
  for (const auto& one : list(report, "advice")) {
    const auto why = html::text(one, "why");
    text += fmt::format("<li><strong>{}</strong>{}</li>\n", escape(html::text(one, "what")),
                        why.empty() ? "" : " <span>" + escape(why) + "</span>");
  }
  return text.empty() ? nothing("Nothing to change.") : "<ul class=\"advice\">\n" + text + "</ul>\n";
}

std::string Sections::lives() const {
  const auto& all = list(part(report, "run"), "lives");
  if (all.size() < 2) return {};
  return fmt::format("Times count from the beginning of the first of {} lives, without the pauses between them.",
                     all.size());
}

std::string Sections::legend() const {
  std::string text;
  const auto& outcomes = list(report, "outcomes");
  std::vector<bool> seen(outcomes.size());
  for (const auto& outcome : list(part(report, "bars"), "outcome")) {
    if (outcome.is_number_unsigned() && outcome.get<std::size_t>() < seen.size())
      seen[outcome.get<std::size_t>()] = true;
  }
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!seen[i] || !outcomes[i].is_string()) continue;
    const auto key = outcomes[i].get<std::string>();
    text += fmt::format("<li class=\"o-{}\"><i></i>{}</li>", escape(key), escape(spaced(key)));
  }
  if (has_mark(report, "quarantine")) text += "<li><i class=\"at\">◆</i>quarantined: nothing runs there</li>";
  if (has_mark(report, "lost")) text += "<li><i class=\"at\">✖</i>lost with its rank</li>";
  return text.empty() ? "" : "<ul class=\"legend\">" + text + "</ul>\n";
}

std::string Sections::marks() const {
  Table table("Lives, stops, quarantine, losses", {"What", "#When", "Told", "Slots"});
  for (const auto& mark : list(report, "marks")) {
    std::string lanes_of, host_before;
    for (const auto& lane : list(mark, "lanes")) {
      if (!lane.is_number_unsigned()) continue;
      const auto name = lane_name(lane.get<std::size_t>());
      const auto host = name.substr(0, name.rfind(' '));
      lanes_of += (lanes_of.empty() ? "" : ", ") + (host == host_before ? name.substr(host.size() + 1) : name);
      host_before = host;
    }
    table.row({escape(text(mark, "kind")), seconds(mark, "t_s"), escape(text(mark, "text")), lanes_of});
  }
  return table.empty() ? "" : table.html();
}

std::string Sections::tail() const {
  const auto& tail = part(report, "tail");
  if (tail.empty()) return nothing("No slot ran dry before the end, or too little ran to tell.");
  const double first = number(tail, "first_dry_s"), end = number(tail, "end_s");
  auto text = fmt::format(
      "<p>The first slot ran dry at {}, the last attempt ended at {}: a tail of {} in which {} of the slot "
      "time was used.</p>\n",
      seconds(first), seconds(end), seconds(end - first), share(tail, "busy_share"));
  Table last("The last to end", {"Step", "Place", "#Took", "#Ended at"});
  for (const auto& one : list(tail, "last")) {
    last.row({step(html::text(one, "step")), escape(html::text(one, "place")), seconds(one, "seconds"),
              seconds(one, "end_s")});
  }
  return last.empty() ? text : text + last.html();
}

std::string Sections::lost_time() const {
  const auto& lost = part(report, "lost_time");
  const double all = number(lost, "slot_s");
  if (!(all > 0)) return nothing("No slot time to share out.");
  std::vector<std::pair<std::string, double>> parts{{"busy with steps", number(lost, "busy_s")}};
  for (const auto& one : list(lost, "parts")) parts.emplace_back(text(one, "name"), number(one, "seconds"));
  Table table("Shares of the slot time", {"What", "#Slot time", "#Share"});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    table.row({fmt::format("<i class=\"key p{}\"></i>{}", i % bar_kinds, escape(parts[i].first)),
               seconds(parts[i].second), share(parts[i].second / all)});
  }
  return fmt::format("<p>{} of slot time (slots times time); steps used {} of it.</p>\n", seconds(all),
                     share(number(lost, "busy_s") / all)) +
         share_bar(parts, all) + table.html();
}

std::string Sections::shapes() const {
  Table table("Steps by the shape of their command",
              {"Command", "#Count", "#Failed", "#Median", "#Mean", "#95 %", "#Longest", "#Together", "Longest step"});
  for (const auto& shape : list(report, "shapes")) {
    table.row({command(text(shape, "shape")), count(shape, "count"), count(shape, "failed"), seconds(shape, "median_s"),
               seconds(shape, "mean_s"), seconds(shape, "p95_s"), seconds(shape, "max_s"), seconds(shape, "total_s"),
               step(text(shape, "longest"))});
  }
  return table.empty() ? nothing("Nothing ran.") : table.html();
}

std::string Sections::failures() const {
  std::string text;
  for (const auto& failure : list(report, "failures")) {
    text += fmt::format("<h3>{} <span class=\"times\">× {}</span></h3>\n", escape(html::text(failure, "cause")),
                        count(failure, "count"));
    if (const double concerned = number(failure, "steps_concerned"); concerned > 0) {
      text += fmt::format("<p>Attempts of {} step{}; {} failed for good.</p>\n", count(concerned),
                          concerned == 1 ? "" : "s",
                          number(failure, "steps_failed") > 0 ? count(failure, "steps_failed") : "none");
    }
    text += places(list(failure, "places"));
    std::string names;
    const auto& steps_of = list(failure, "steps");
    for (const auto& name : steps_of) {
      if (name.is_string()) names += (names.empty() ? "" : ", ") + step(name.get<std::string>());
    }
    if (!names.empty()) {
      const bool are_more =
          number(failure, "steps_concerned", number(failure, "count")) > static_cast<double>(steps_of.size());
      text += fmt::format("<p class=\"names\">Steps: {}{}</p>\n", names, are_more ? ", …" : "");
    }
    for (const auto& example : list(failure, "examples")) {
      text += fmt::format("<p>For example {} at {}: {}</p>\n", step(html::text(example, "step")),
                          escape(html::text(example, "place")), escape(html::text(example, "what")));
      text += output(list(example, "tail"));
    }
  }
  return text.empty() ? nothing("No attempt failed.") : text;
}

std::string Sections::bad_places() const {
  Table table("Places where steps failed that succeeded elsewhere",
              {"Place", "#Failures", "#Attempts", "#Quarantined at"});
  for (const auto& bad : list(report, "bad_places")) {
    const bool is_quarantined = !bad.is_object() || bad.value("quarantined", json(true)) != json(false);
    table.row({escape(text(bad, "place")), count(bad, "failures"), count(bad, "attempts"),
               is_quarantined ? seconds(bad, "t_s") : "not"});
  }
  return table.empty() ? nothing("None.") : table.html();
}

std::string Sections::rerun() const {
  const auto& rerun = part(report, "rerun");
  if (!(number(rerun, "count") > 0)) return nothing("Nothing: every step succeeded.");
  auto text = fmt::format("<p>{} step{} not succeeded. This runs them, and only them:</p>\n", count(rerun, "count"),
                          number(rerun, "count") == 1 ? " has" : "s have");
  text += fmt::format(
      "<div class=\"copy\"><pre id=\"rerun-command\" tabindex=\"0\" aria-label=\"Command\">{}</pre>"
      "<button type=\"button\" class=\"with-script\" data-copy=\"rerun-command\">Copy</button></div>\n",
      escape(html::text(rerun, "command")));
  std::string names;
  const auto& all = list(rerun, "names");
  for (const auto& name : all) {
    if (name.is_string()) names += step(name.get<std::string>()) + "\n";
  }
  if (names.empty()) return text;
  const bool are_more = number(rerun, "count") > static_cast<double>(all.size());
  return text +
         fmt::format(
             "<details{}><summary>The steps{}</summary><pre class=\"names\" tabindex=\"0\" aria-label=\"Steps\">{}"
             "</pre></details>\n",
             all.size() <= 30 ? " open" : "", are_more ? fmt::format(" (the first {})", all.size()) : "", names);
}

std::string Sections::critical_path() const {
  const auto& path = list(report, "critical_path");
  if (path.empty()) return nothing("No chain of steps decided when the run ended.");
  double ran = 0, waited = 0;
  Table table("From the first step to the last", {"Step", "Place", "#Began at", "#Took", "#Waited before", "Behind"});
  for (const auto& one : path) {
    ran += number(one, "seconds");
    waited += number(one, "waited_s");
    table.row({step(text(one, "step")), escape(text(one, "place")), seconds(one, "begin_s"), seconds(one, "seconds"),
               seconds(one, "waited_s"), escape(text(one, "after"))});
  }
  const double length = number(report, "critical_path_length", static_cast<double>(path.size()));
  const bool are_more = length > static_cast<double>(path.size());
  return fmt::format("<p>The chain that ended last: {} attempt{}{}, which ran for {} and waited for {}.</p>\n",
                     count(length), length == 1 ? "" : "s",
                     are_more ? fmt::format(", of which the longest {} are here", path.size()) : "", seconds(ran),
                     seconds(waited)) +
         table.html();
}

std::string Sections::slowest() const {
  Table table("The longest attempts", {"Step", "Place", "#Took"});
  for (const auto& one : list(report, "slowest")) {
    table.row({step(text(one, "step")), escape(text(one, "place")), seconds(one, "seconds")});
  }
  return table.empty() ? nothing("Nothing ran.") : table.html();
}

std::string Sections::gpu_use() const {
  const auto& use = part(report, "gpu_use");
  if (use.empty()) return nothing("Not measured.");
  Table table("GPUs by the shape of the command", {"Command", "#Busy", "#Memory at most"});
  for (const auto& one : list(use, "by_shape")) {
    const double mib = number(one, "memory_mib", -1);
    table.row({command(text(one, "shape")), share(one, "busy"), mib < 0 ? "–" : count(mib) + " MiB"});
  }
  const auto advice = text(use, "text");
  return (advice.empty() ? fmt::format("<p>While steps held a GPU, it was {} busy.</p>\n", share(use, "mean_busy"))
                         : fmt::format("<p>{}</p>\n", escape(advice))) +
         (table.empty() ? "" : table.html());
}

std::string Sections::nodes() const {
  Table table("The same steps on other numbers of nodes, from the simulator with the durations of this run",
              {"#Nodes", "#Slots", "#Takes", "#Node hours", "Note"});
  for (const auto& one : list(report, "nodes_table")) {
    const bool is_this = one.is_object() && one.value("is_this_run", json()) == json(true);
    const bool is_enough = one.is_object() && one.value("is_enough", json()) == json(true);
    const char* note = is_this ? "<b>this run</b>" : is_enough ? "enough: more is waste" : "";
    const double hours = number(one, "node_hours", -1);
    table.row({count(one, "nodes"), count(one, "slots"), seconds(one, "makespan_s"),
               hours < 0 ? "–" : fmt::format("{:.2f}", hours), note});
  }
  if (!table.empty()) return table.html();
  const auto why = text(report, "nodes_table_missing");
  return fmt::format("<p>Not reckoned{}.</p>\n", why.empty() ? "" : ": " + escape(why));
}

}  // namespace gradus::html
