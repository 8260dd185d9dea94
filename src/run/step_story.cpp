#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/order.h"
#include "core/printable.h"
#include "core/size_text.h"
#include "core/step_keys.h"
#include "run/explanation.h"
#include "run/output_archive.h"
#include "run/summary.h"

namespace gradus {
namespace {

constexpr std::size_t tail_lines = 10;

std::string gpu_use_text(const GpuUse& use) {
  std::string text;
  if (use.samples > 0) text += fmt::format(", GPU {:.0f} % busy", 100 * use.busy);
  if (use.memory_mib > 0) text += fmt::format(", GPU memory {}", size_text(std::uint64_t{use.memory_mib} << 20U));
  return text;
}

std::string usage_text(const AttemptRow& row) {
  if (row.state != AttemptRow::State::ended || row.started <= 0) return "";
  auto text = fmt::format(" after {}", duration_text(row.seconds()));
  const double cpu = row.usage.user_s + row.usage.system_s;
  if (cpu > 0 || row.usage.max_rss_kib > 0) {
    text += fmt::format(" (CPU {}, memory {}{})", duration_text(cpu), size_text(row.usage.max_rss_kib * 1024),
                        gpu_use_text(row.usage.gpu));
  }
  return text;
}

}  // namespace

StepIndex step_named(const Graph& graph, const Chronicle& chronicle, const std::string& name) {
  if (const auto step = graph.find(name); step != no_step) return step;
  const auto ordinal = chronicle.find(name);
  return ordinal > 0 && ordinal <= graph.step_count() ? ordinal - 1 : no_step;
}

StepStory::StepStory(const RunStatus& status, const Chronicle& chronicle, std::shared_ptr<const Graph> graph,
                     const std::string& run_dir, const std::string& step)
    : status_(status), chronicle_(chronicle), graph_(std::move(graph)), run_dir_(run_dir) {
  if (const auto found = graph_ ? step_named(*graph_, chronicle_, step) : no_step; found != no_step) {
    ordinal_ = found + 1;
    attempts_ = chronicle_.attempts_of(key_of_step(*graph_, found));
    return;
  }
  ordinal_ = chronicle_.find(step);
  graph_.reset();  // it does not know the step
  if (const auto latest = chronicle_.latest_attempt(ordinal_)) {
    attempts_ = chronicle_.attempts_of(chronicle_.attempts()[*latest].key);
  }
}

std::string StepStory::name() const { return graph_ ? graph_->name(ordinal_ - 1) : chronicle_.name(ordinal_); }

std::string StepStory::state() const {
  switch (chronicle_.standing(ordinal_)) {
    case StepStanding::untouched: break;
    case StepStanding::running: return status_.is_broken_off() ? "cut off" : "running";
    case StepStanding::again: return "waiting";
    case StepStanding::succeeded: return "succeeded";
    case StepStanding::failed: return "failed";
    case StepStanding::skipped: return "skipped";
  }
  return !chronicle_.lives().empty() && chronicle_.lives().back().is_kept(ordinal_) ? "succeeded" : "waiting";
}

std::vector<std::string> StepStory::reasons() const {
  if (!graph_) return {};
  return Explanation(status_, chronicle_, *graph_).of_step(ordinal_ - 1);
}

std::vector<std::string> StepStory::tail() const {
  const auto index = chronicle_.latest_begun(attempts_);
  if (!index) return {};
  const auto& latest = chronicle_.attempts()[*index];
  OutputArchive archive(run_dir_, latest.life + 1, chronicle_.lives()[latest.life].name);
  for (const auto stream : {Stream::err, Stream::out}) {
    const auto output = archive.find(latest.ordinal, latest.attempt, stream);
    if (!output) continue;
    auto lines = last_lines(*output, tail_lines);
    if (!lines.empty()) return lines;
  }
  return {};
}

std::string StepStory::text() const {
  std::string text = fmt::format("step {}", printable(name()));
  if (graph_) {
    const auto& step = graph_->step(ordinal_ - 1);
    text += fmt::format(" (line {}): {}", step.line, printable(command_line(*graph_, ordinal_ - 1)));
  }
  text += fmt::format("\n  state      {}\n", state());
  for (const auto& reason : reasons()) text += fmt::format("  why        {}\n", printable(reason));
  for (const auto index : attempts_) {
    const auto& row = chronicle_.attempts()[index];
    text += fmt::format("  attempt    {}{}: {}, {}: {}{}\n", row.attempt,
                        chronicle_.lives().size() > 1 ? fmt::format(" in life {}", row.life + 1) : "",
                        printable(place_in_words(chronicle_, row)), time_in_words(row.launched, status_.now),
                        printable(end_in_words(chronicle_, index, status_.is_broken_off())), usage_text(row));
  }
  for (const auto& line : tail()) text += fmt::format("  output     | {}\n", line);
  return text;
}

std::string StepStory::json() const {
  nlohmann::json document{{"version", 1},
                          {"step", name()},
                          {"ordinal", ordinal_},
                          {"state", state()},
                          {"why", reasons()},
                          {"command", nullptr},
                          {"line", nullptr},
                          {"needs", nlohmann::json::array()},
                          {"attempts", nlohmann::json::array()},
                          {"output_tail", tail()}};
  if (graph_) {
    const auto& step = graph_->step(ordinal_ - 1);
    document["command"] = command_line(*graph_, ordinal_ - 1);
    document["line"] = step.line;
    for (const auto need : graph_->needs(ordinal_ - 1)) document["needs"].push_back(graph_->name(need));
  }
  for (const auto index : attempts_) {
    const auto& row = chronicle_.attempts()[index];
    nlohmann::json one{{"attempt", row.attempt},
                       {"life", row.life + 1},
                       {"place", place_in_words(chronicle_, row)},
                       {"launched", time_iso(row.launched)},
                       {"what", end_in_words(chronicle_, index, status_.is_broken_off())}};
    if (row.state == AttemptRow::State::ended) {
      one["outcome"] = word(row.outcome);
      one["seconds"] = row.seconds();
      one["user_s"] = row.usage.user_s;
      one["system_s"] = row.usage.system_s;
      one["max_rss_kib"] = row.usage.max_rss_kib;
      one["in_bytes"] = row.usage.in_bytes;
      one["out_bytes"] = row.usage.out_bytes;
      const auto& gpu = row.usage.gpu;
      if (gpu.samples > 0) one["gpu_busy"] = gpu.busy, one["gpu_samples"] = gpu.samples;
      if (gpu.memory_mib > 0) one["gpu_memory_mib"] = gpu.memory_mib, one["gpu_total_mib"] = gpu.total_mib;
    }
    document["attempts"].push_back(std::move(one));
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace gradus
