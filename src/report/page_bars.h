// The report's bars, read from their columns.
//
// Knows: the columns. Unaware of: drawing.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace gradus::html {

struct PageBar {
  std::size_t lane = 0;
  double begin = 0, end = 0;  ///< run seconds
  std::size_t outcome = 0;
  std::int64_t step = -1;  ///< index into step_names, -1: several
  double attempt = 1, count = 1;
};

struct Bars {
  std::vector<PageBar> all;
  const nlohmann::json& report;  ///< must outlive this

  explicit Bars(const nlohmann::json& of);
  const std::string& outcome_key(const PageBar& bar) const;  ///< `exit_code`
  std::string outcome_name(const PageBar& bar) const;        ///< `exit code`
  std::string step_name(const PageBar& bar) const;
  bool failed(const PageBar& bar) const;

 private:
  std::vector<std::string> outcomes_;
};

}  // namespace gradus::html
