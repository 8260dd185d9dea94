#include "report/page_bars.h"

#include <nlohmann/json.hpp>

#include "report/html.h"

namespace gradus::html {
namespace {

double at(const nlohmann::json& column, std::size_t i, double otherwise) {
  return i < column.size() && column[i].is_number() ? column[i].get<double>() : otherwise;
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
    all.push_back({static_cast<std::size_t>(at(lane, i, 0)), at(begin, i, 0), at(end, i, 0),
                   static_cast<std::size_t>(at(outcome, i, 0)), static_cast<std::int64_t>(at(step, i, -1)),
                   at(attempt, i, 1), at(count, i, 1)});
  }
}

const std::string& Bars::outcome_key(const PageBar& bar) const {
  static const std::string unknown = "unknown";
  return bar.outcome < outcomes_.size() ? outcomes_[bar.outcome] : unknown;
}

std::string Bars::outcome_name(const PageBar& bar) const {
  auto name = outcome_key(bar);
  for (auto& c : name) c = c == '_' ? ' ' : c;
  return name;
}

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
