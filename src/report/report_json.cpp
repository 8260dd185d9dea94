#include "report/report_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "report/advice.h"
#include "report/bars.h"
#include "report/rerun.h"
#include "report/selected_steps.h"
#include "report/shapes.h"
#include "report/slot_share.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t share_bins = 300;
constexpr std::size_t most_shapes = 50;
constexpr std::size_t most_slowest = 20;
constexpr std::size_t most_names = 20;  // of steps that failed by one cause
constexpr std::size_t most_left_names = 1000;
constexpr std::size_t most_places = 20;
constexpr std::size_t most_links = 500;
constexpr std::size_t longest_command = 1000;  // bytes
constexpr std::size_t longest_name = 200;

double round3(double x) { return std::round(1000 * x) / 1000; }

/// Not within a character.
std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

const char* plural(std::uint64_t count) { return count == 1 ? "" : "s"; }

class Report {
 public:
  Report(const ReportInput& input, const ReportLimits& limits)
      : input_(input),
        limits_(limits),
        story_(*input.chronicle, input.graph.get(), now_of(input), input.pulse == RunPulse::broken_off),
        prerequisites_(story_),
        selected_(story_, limits.details) {}

  std::string text() {
    find();
    Json document{{"version", 1}};
    document["run"] = run();
    document["counts"] = counts();
    document["verdict"] = verdict() + what_is_missing();
    document["advice"] = advice();
    document["nodes"] = nodes();
    document["lanes"] = lanes();
    document["outcomes"] = outcomes();
    add_bars(document);
    document["marks"] = marks();
    document["use"] = use();
    document["tail"] = tail();
    document["lost_time"] = lost_time();
    document["failures"] = failures();
    document["bad_places"] = bad_places();
    document["rerun"] = rerun();
    add_critical_path(document);
    document["slowest"] = slowest();
    document["shapes"] = shapes();
    document["nodes_table"] = nodes_table();
    document["nodes_table_missing"] = findings_.nodes.why_not;
    document["gpu_use"] = gpu_use();
    document["details"] = details();
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

 private:
  static std::optional<double> now_of(const ReportInput& input) {
    return input.pulse == RunPulse::runs ? std::optional(input.now) : std::nullopt;
  }

  void find() {
    findings_.lost_time = lost_time_of(story_);
    findings_.tail = tail_of(story_);
    findings_.critical_path = critical_path_of(story_, prerequisites_);
    findings_.bad_places = bad_places_of(story_);
    findings_.nodes = node_table_of(story_, input_.graph, limits_.predicted_steps);
    findings_.gpus = gpu_figures_of(story_);
    causes_ = failures_of(story_);
  }

  const Chronicle& chronicle() const { return *input_.chronicle; }
  std::string name(std::size_t attempt) const { return step_name(story_.steps.of_attempt(attempt)); }
  /// Steps stay apart that begin alike: by their ordinals.
  std::string step_name(std::uint32_t step) const {
    const auto whole = story_.steps.name(step);
    if (whole.size() <= longest_name) return whole;
    return fmt::format("{} (step {})", shortened(whole, longest_name),
                       story_.row(story_.steps.last_attempt(step)).ordinal);
  }

  const char* state() const {
    if (chronicle().lives().empty()) return "broken off";
    const auto& over = chronicle().lives().back().over;
    if (!over && input_.pulse == RunPulse::unknown) return "unknown";
    if (!over) return input_.pulse == RunPulse::runs ? "running" : "broken off";
    if (over->exit_code == 3) return "interrupted";
    return over->waiting > 0 ? "stopped" : "finished";
  }

  Json run() const {
    Json run{{"name", input_.run_dir.substr(input_.run_dir.rfind('/') + 1)},
             {"directory", input_.run_dir},
             {"steps_file", ""},
             {"has_steps_file", input_.graph != nullptr},
             {"state", state()},
             {"exit_code", nullptr},
             {"wall_s", round3(story_.time.length())},
             {"gradus", input_.version},
             {"written", iso_time(input_.now)},
             {"damage", input_.damage},
             {"lives", Json::array()}};
    const auto& lives = chronicle().lives();
    for (std::uint32_t life = 0; life < lives.size(); ++life) run["lives"].push_back(life_json(life));
    if (lives.empty()) return run;
    run["steps_file"] = lives.back().steps_file;
    if (lives.back().over) run["exit_code"] = lives.back().over->exit_code;
    run["began"] = iso_time(lives.front().begin);
    run["ended"] = iso_time(story_.time.epoch_end(story_.time.lives() - 1));
    return run;
  }

  Json life_json(std::uint32_t life) const {
    const auto& one = chronicle().lives()[life];
    Json json{{"begin_s", round3(story_.time.begin(life))},
              {"end_s", round3(story_.time.end(life))},
              {"began", iso_time(one.begin)},
              {"ended", iso_time(story_.time.epoch_end(life))},
              {"exit_code", one.over ? Json(one.over->exit_code) : Json(nullptr)},
              {"why", one.stops.empty() ? "" : one.stops.back().why}};
    if (!one.over && one.stops.empty() && (life + 1 < story_.time.lives() || input_.pulse != RunPulse::runs)) {
      json["why"] = "broken off: its end is not in the journal";
    }
    return json;
  }

  Json counts() const {
    const auto c = chronicle().counts();
    std::uint64_t began = 0, retries = 0, lost = 0;
    for (const auto& row : chronicle().attempts()) {
      if (!row.never_began()) ++began;
      if (row.state == AttemptRow::State::lost) ++lost;
    }
    for (std::uint32_t step = 0; step < story_.steps.size(); ++step) {
      const auto all = story_.steps.attempts(step);
      for (std::size_t i = 1; i < all.size(); ++i)
        retries += story_.row(all[i]).life == story_.row(all[i - 1]).life ? 1 : 0;
    }
    return {{"total", c.total},
            {"succeeded", c.succeeded},
            {"failed", c.failed},
            {"skipped", c.skipped},
            {"waiting", c.waiting},
            {"running", story_.is_broken_off ? 0 : c.running},
            {"cut_off", story_.is_broken_off ? c.running : 0},
            {"kept", c.kept},
            {"attempts", began},
            {"retries", retries},
            {"lost", lost}};
  }

  /// Of so many steps that run by the journal.
  const char* what_ran_is(std::uint64_t count) const {
    if (story_.is_broken_off) return count == 1 ? "was cut off" : "were cut off";
    return count == 1 ? "is running" : "are running";
  }

  std::string verdict() const {
    const auto c = chronicle().counts();
    const auto time = duration_text(story_.time.length());
    if (chronicle().lives().empty()) return "The journal is empty.";
    std::string text;
    if (c.succeeded == c.total) {
      text = fmt::format("All {} step{} succeeded in {}", c.total, plural(c.total), time);
    } else {
      text = fmt::format("{} of {} steps succeeded in {}", c.succeeded, c.total, time);
      if (c.failed > 0) text += fmt::format(", {} failed", c.failed);
      if (c.skipped > 0)
        text += fmt::format(", {} {} skipped because of failures", c.skipped, c.skipped == 1 ? "was" : "were");
      if (c.running > 0) text += fmt::format(", {} {}", c.running, what_ran_is(c.running));
      if (c.waiting > 0) text += fmt::format(", {} still wait{}", c.waiting, c.waiting == 1 ? "s" : "");
    }
    if (story_.time.lives() > 1) text += fmt::format(", over {} lives", story_.time.lives());
    return text + ".";
  }

  /// So that nobody takes what is not known for what is not there.
  std::string what_is_missing() const {
    std::string text;
    if (!input_.damage.empty()) text += fmt::format(" What stands behind this is not known: {}.", input_.damage);
    if (input_.graph == nullptr) {
      text +=
          " The steps file is not known: names of commands, what steps need and other numbers of nodes are missing.";
    }
    return text;
  }

  Json advice() const {
    auto all = Json::array();
    for (const auto& one : advice_of(story_, findings_)) all.push_back({{"what", one.what}, {"why", one.why}});
    return all;
  }

  Json nodes() const {
    auto all = Json::array();
    for (const auto& host : story_.lanes.hosts()) all.push_back({{"host", host}, {"lanes", Json::array()}});
    const auto& lanes = story_.lanes.all();
    for (LaneIndex lane = 0; lane < lanes.size(); ++lane) all[lanes[lane].node]["lanes"].push_back(lane);
    return all;
  }

  Json lanes() const {
    auto all = Json::array();
    for (const auto& lane : story_.lanes.all()) {
      all.push_back({{"node", lane.node},
                     {"slot", lane.slot},
                     {"rank", lane.rank},
                     {"thread", lane.thread},
                     {"gpus", lane.gpus},
                     {"cores", lane.cores},
                     {"kind", lane.has_gpu() ? "gpu" : "cpu"}});
    }
    return all;
  }

  static Json outcomes() {
    auto all = Json::array();
    for (std::uint8_t outcome = 0; outcome <= cut_off; ++outcome) all.push_back(shown_outcome_word(outcome));
    return all;
  }

  void add_bars(Json& document) const {
    Json columns;
    for (const char* column : {"lane", "begin", "end", "outcome", "step", "attempt", "count"}) {
      columns[column] = Json::array();
    }
    auto names = Json::array();
    std::unordered_map<std::uint32_t, std::size_t> numbers;
    for (const auto& bar : bars_of(story_, limits_.bars)) {
      columns["lane"].push_back(bar.lane);
      columns["begin"].push_back(round3(bar.begin));
      columns["end"].push_back(round3(bar.end));
      columns["outcome"].push_back(bar.outcome);
      columns["count"].push_back(bar.count);
      columns["attempt"].push_back(bar.count > 1 ? 0 : story_.row(bar.attempt).attempt);
      if (bar.count > 1) {
        columns["step"].push_back(-1);
        continue;
      }
      const auto [at, is_new] = numbers.try_emplace(story_.steps.of_attempt(bar.attempt), names.size());
      if (is_new) names.push_back(name(bar.attempt));
      columns["step"].push_back(at->second);
    }
    document["bars"] = std::move(columns);
    document["step_names"] = std::move(names);
  }

  Json mark(std::uint32_t life, double epoch_s, const char* kind, const std::string& text) const {
    return {{"t_s", round3(story_.time.at(life, epoch_s))}, {"kind", kind}, {"text", text}, {"lanes", Json::array()}};
  }

  Json marks() const {
    auto all = Json::array();
    const auto& lives = chronicle().lives();
    for (std::uint32_t life = 0; life < lives.size(); ++life) {
      const auto& one = lives[life];
      if (life > 0) {
        all.push_back(mark(life, one.begin, "life", fmt::format("life {} began {}", life + 1, iso_time(one.begin))));
      }
      for (const auto& stop : one.stops) all.push_back(mark(life, stop.t, "stop", stop.kind + ": " + stop.why));
      for (const auto& bad : one.quarantines) {
        const auto lane = story_.lanes.of_slot(life, bad.worker, bad.slot);
        all.push_back(mark(life, bad.t, "quarantine",
                           fmt::format("{} was quarantined after {} failures in a row",
                                       story_.lanes.place_in_words(lane), bad.failures)));
        if (lane != no_lane) all.back()["lanes"].push_back(lane);
      }
      for (const auto& [id, worker] : one.workers) {
        if (!worker.lost) continue;
        all.push_back(mark(life, *worker.lost, "lost",
                           fmt::format("rank {} on {} was lost: {}", id, worker.record.host, worker.why_lost)));
        all.back()["lanes"] = story_.lanes.of_worker(life, id);
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Json& a, const Json& b) { return a["t_s"] < b["t_s"]; });
    return all;
  }

  Json use() const {
    const auto shares = slot_share_of(story_, share_bins);
    Json json{{"t_s", Json::array()}, {"gpu", Json::array()}, {"cpu", Json::array()}};
    const auto push = [](Json& column, double share) {
      column.push_back(share < 0 ? Json(nullptr) : Json(round3(share)));
    };
    for (std::size_t bin = 0; bin < shares.gpu.size(); ++bin) {
      json["t_s"].push_back(round3(static_cast<double>(bin) * shares.bin_s));
      push(json["gpu"], shares.gpu[bin]);
      push(json["cpu"], shares.cpu[bin]);
    }
    return json;
  }

  Json placed(std::size_t attempt) const {
    return {{"step", name(attempt)},
            {"place", story_.place_of(attempt)},
            {"seconds", round3(story_.spans.of(attempt).seconds())}};
  }

  Json tail() {
    if (!findings_.tail) return nullptr;
    const auto& tail = *findings_.tail;
    Json json{{"first_dry_s", round3(tail.first_dry_s)},
              {"end_s", round3(tail.end_s)},
              {"busy_share", round3(tail.busy_share)},
              {"last", Json::array()}};
    for (const auto attempt : tail.last) {
      selected_.add_attempt(attempt);
      json["last"].push_back(placed(attempt));
      json["last"].back()["end_s"] = round3(story_.spans.of(attempt).end);
    }
    return json;
  }

  Json lost_time() const {
    const auto& lost = findings_.lost_time;
    Json json{{"slot_s", round3(lost.slot_s)}, {"busy_s", round3(lost.busy_s)}, {"parts", Json::array()}};
    for (std::size_t i = 0; i < lost_to_count; ++i) {
      if (lost.by_reason[i] < 0.0005) continue;
      json["parts"].push_back({{"name", in_words(static_cast<LostTo>(i))}, {"seconds", round3(lost.by_reason[i])}});
    }
    std::stable_sort(json["parts"].begin(), json["parts"].end(),
                     [](const Json& a, const Json& b) { return a["seconds"] > b["seconds"]; });
    return json;
  }

  Json shapes() {
    auto all = Json::array();
    for (const auto& one : shapes_of(story_)) {
      if (all.size() == most_shapes) break;
      selected_.add_attempt(one.longest);
      all.push_back({{"shape", shortened(one.shape, longest_name)},
                     {"count", one.count},
                     {"failed", one.failed},
                     {"median_s", round3(one.median_s)},
                     {"mean_s", round3(one.mean_s)},
                     {"p95_s", round3(one.p95_s)},
                     {"max_s", round3(one.max_s)},
                     {"total_s", round3(one.total_s)},
                     {"longest", name(one.longest)}});
    }
    return all;
  }

  Json failures() {
    auto all = Json::array();
    for (const auto& cause : causes_) {
      Json json{{"cause", cause.cause},
                {"count", cause.count},
                {"steps_failed", cause.steps_failed},
                {"steps_concerned", cause.steps.size()},
                {"steps", Json::array()},
                {"examples", Json::array()},
                {"places", Json::array()}};
      for (const auto step : cause.steps) {
        selected_.add(step);
        if (json["steps"].size() < most_names) json["steps"].push_back(step_name(step));
      }
      for (const auto attempt : cause.examples) {
        json["examples"].push_back({{"step", name(attempt)},
                                    {"place", story_.place_of(attempt)},
                                    {"what", story_.end_of(attempt)},
                                    {"tail", tail_of_attempt(attempt)}});
      }
      for (const auto& [lane, count] : cause.places) {
        if (json["places"].size() == most_places) break;
        json["places"].push_back({{"place", story_.lanes.place(lane)}, {"count", count}});
      }
      all.push_back(std::move(json));
    }
    return all;
  }

  Json bad_places() const {
    auto all = Json::array();
    for (const auto& bad : findings_.bad_places) {
      all.push_back({{"place", story_.lanes.place_in_words(bad.lane)},
                     {"failures", bad.failures},
                     {"attempts", bad.attempts},
                     {"quarantined", bad.is_quarantined},
                     {"lane", bad.lane},
                     {"t_s", round3(bad.t_s)}});
    }
    return all;
  }

  Json rerun() const {
    auto rerun = rerun_of(story_, most_left_names, input_.kept_steps);
    for (auto& one : rerun.names) one = shortened(one, longest_name);
    return {{"count", rerun.count}, {"names", rerun.names}, {"command", rerun.command}};
  }

  /// The longest links of a path that has very many, in their order.
  std::vector<CriticalLink> shown_links() const {
    auto links = findings_.critical_path;
    if (links.size() <= most_links) return links;
    const auto seconds = [&](const CriticalLink& link) {
      return story_.spans.of(link.attempt).seconds() + link.waited_s;
    };
    auto lengths = links;
    std::nth_element(lengths.begin(), lengths.begin() + most_links, lengths.end(),
                     [&](const auto& a, const auto& b) { return seconds(a) > seconds(b); });
    const double least = seconds(lengths[most_links]);
    std::erase_if(links, [&](const CriticalLink& link) { return seconds(link) <= least; });
    return links;
  }

  void add_critical_path(Json& document) {
    auto all = Json::array();
    for (const auto& link : shown_links()) {
      selected_.add_attempt(link.attempt);
      all.push_back(placed(link.attempt));
      all.back()["begin_s"] = round3(story_.spans.of(link.attempt).begin);
      all.back()["waited_s"] = round3(link.waited_s);
      all.back()["after"] = word(link.after);
    }
    document["critical_path"] = std::move(all);
    document["critical_path_length"] = findings_.critical_path.size();
  }

  Json slowest() {
    std::vector<std::uint32_t> order(story_.attempts());
    for (std::uint32_t attempt = 0; attempt < order.size(); ++attempt) order[attempt] = attempt;
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), most_slowest));
    std::partial_sort(order.begin(), end, order.end(), [&](auto a, auto b) {
      const double x = story_.spans.of(a).seconds(), y = story_.spans.of(b).seconds();
      return x != y ? x > y : a < b;
    });
    auto all = Json::array();
    for (auto it = order.begin(); it != end; ++it) {
      selected_.add_attempt(*it);
      all.push_back(placed(*it));
    }
    return all;
  }

  Json gpu_use() const {
    const auto& figures = findings_.gpus;
    if (!figures.is_known) return nullptr;
    const auto known = [](double busy) { return busy >= 0 ? Json(round3(busy)) : Json(nullptr); };
    Json json{{"mean_busy", known(figures.busy)}, {"text", figures.text}, {"by_shape", Json::array()}};
    for (const auto& one : figures.by_shape) {
      if (json["by_shape"].size() == most_shapes) break;
      json["by_shape"].push_back({{"shape", shortened(one.shape, longest_name)},
                                  {"busy", known(one.busy)},
                                  {"memory_mib", one.memory_mib > 0 ? Json(one.memory_mib) : Json(nullptr)},
                                  {"samples", one.samples}});
    }
    return json;
  }

  Json nodes_table() const {
    auto all = Json::array();
    for (const auto& [nodes, one] : findings_.nodes.sweep.by_nodes) {
      all.push_back({{"nodes", nodes},
                     {"slots", one.slots.all()},
                     {"makespan_s", round3(one.makespan_s)},
                     {"node_hours", round3(nodes * one.makespan_s / 3600)},
                     {"is_enough", nodes == findings_.nodes.sweep.enough_nodes},
                     {"is_this_run", nodes == findings_.nodes.this_run}});
    }
    return all;
  }

  Json tail_of_attempt(std::size_t attempt) const {
    const auto& row = story_.row(attempt);
    if (!input_.tail || !story_.steps.owns_output(attempt)) return Json::array();
    return input_.tail(row.life + 1, row.ordinal, row.attempt);
  }

  Json attempt_json(std::size_t attempt) const {
    const auto& row = story_.row(attempt);
    const auto& span = story_.spans.of(attempt);
    return {{"attempt", row.attempt},
            {"life", row.life + 1},
            {"place", story_.place_of(attempt)},
            {"outcome", shown_outcome_word(story_.outcome_of(attempt))},
            {"what", story_.end_of(attempt)},
            {"begin_s", round3(span.begin)},
            {"seconds", round3(span.seconds())},
            {"user_s", round3(row.usage.user_s)},
            {"system_s", round3(row.usage.system_s)},
            {"max_rss_kib", row.usage.max_rss_kib},
            {"in_bytes", row.usage.in_bytes},
            {"out_bytes", row.usage.out_bytes},
            {"gpu_busy", row.usage.gpu.samples > 0 ? Json(round3(double{row.usage.gpu.busy})) : Json(nullptr)},
            {"gpu_memory_mib", row.usage.gpu.memory_mib > 0 ? Json(row.usage.gpu.memory_mib) : Json(nullptr)}};
  }

  Json detail(std::uint32_t step) const {
    Json json{{"command", shortened(story_.command(step), longest_command)},
              {"line", nullptr},
              {"needs", Json::array()},
              {"attempts", Json::array()},
              {"tail", tail_of_attempt(story_.steps.last_attempt(step))}};
    for (const auto attempt : story_.steps.attempts(step)) json["attempts"].push_back(attempt_json(attempt));
    const auto index = story_.steps.in_graph(step);
    if (index == no_step) return json;
    json["line"] = story_.graph->step(index).line;
    for (const auto need : story_.graph->needs(index)) {
      if (json["needs"].size() == most_names) break;
      json["needs"].push_back(story_.graph->is_barrier(need) ? "all above a barrier" : story_.graph->name(need));
    }
    return json;
  }

  /// The last part: by now the others have said whom they name. Small runs are told whole.
  Json details() {
    for (std::uint32_t step = 0; step < story_.steps.size(); ++step) selected_.add(step);
    Json all = Json::object();
    std::size_t bytes = 0;
    for (const auto step : selected_.steps()) {
      auto one = detail(step);
      bytes += one.dump(-1, ' ', false, Json::error_handler_t::replace).size();
      if (bytes > limits_.details_bytes) break;
      all[step_name(step)] = std::move(one);
    }
    return all;
  }

  const ReportInput& input_;
  const ReportLimits& limits_;
  RunStory story_;
  Prerequisites prerequisites_;
  SelectedSteps selected_;
  Findings findings_;
  std::vector<FailureCause> causes_;
};

}  // namespace

std::string iso_time(double epoch_s) {
  const auto seconds = static_cast<std::time_t>(epoch_s);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[40];
  std::strftime(text, sizeof text, "%FT%T%z", &local);
  std::string iso = text;
  if (iso.size() > 5) iso.insert(iso.size() - 2, ":");
  return iso;
}

std::string report_json(const ReportInput& input, const ReportLimits& limits) { return Report(input, limits).text(); }

}  // namespace gradus
