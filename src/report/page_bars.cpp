#include "report/page_bars.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/html.h"

namespace gradus::html {
namespace {

double at(const nlohmann::json& column, std::size_t i, double otherwise) {
  return i < column.size() && column[i].is_number() ? column[i].get<double>() : otherwise;
}

/// Run seconds, within a thousand years.
double time_at(const nlohmann::json& column, std::size_t i) { return std::clamp(at(column, i, 0), 0.0, 3e10); }

std::int64_t step_at(const nlohmann::json& column, std::size_t i) {
  const auto step = index(at(column, i, -1));
  return step == SIZE_MAX ? -1 : static_cast<std::int64_t>(step);
}

}  // namespace

Bars::Bars(const nlohmann::json& of) : report(of) {
  for (const auto& outcome : list(of, "outcomes")) {
    outcomes_.push_back(outcome.is_string() ? outcome.get<std::string>() : outcome.dump());
  }
  const auto& columns = part(of, "bars");
  const auto &lane = list(columns, "lane"), &begin = list(columns, "begin"), &end = list(columns, "end");
  const auto &outcome = list(columns, "outcome"), &step = list(columns, "step"), &attempt = list(columns, "attempt"),
             &count = list(columns, "count");
  all.reserve(lane.size());
  for (std::size_t i = 0; i < lane.size(); ++i) {
    all.push_back({index(at(lane, i, -1)), time_at(begin, i), time_at(end, i), index(at(outcome, i, -1)),
                   step_at(step, i), at(attempt, i, 1), at(count, i, 1)});
  }
}

const std::string& Bars::outcome_key(const PageBar& bar) const {
  static const std::string unknown = "unknown";
  return bar.outcome < outcomes_.size() ? outcomes_[bar.outcome] : unknown;
}

std::string Bars::outcome_name(const PageBar& bar) const { return spaced(outcome_key(bar)); }

std::string Bars::step_name(const PageBar& bar) const {
  const auto& names = list(report, "step_names");
  const auto index = static_cast<std::size_t>(bar.step);
  return bar.step >= 0 && index < names.size() && names[index].is_string() ? names[index].get<std::string>() : "";
}

bool Bars::failed(const PageBar& bar) const {
  const auto& key = outcome_key(bar);
  return key != "succeeded" && key != "running" && key != "cancelled";
}

}  // namespace gradus::html
