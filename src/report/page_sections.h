// The page's parts, each from its part of the report: text and tables that need no script.
//
// Knows: the report's keys, and how each is told. Unaware of: where on the page it stands, drawing.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <unordered_map>

namespace gradus::html {

/// The steps that the page can tell everything about, by name, with their numbers on the page.
using ToldSteps = std::unordered_map<std::string, std::size_t>;

struct Sections {
  const nlohmann::json& report;  ///< must outlive this
  ToldSteps told;

  explicit Sections(const nlohmann::json& of);

  std::string state() const;
  std::string facts() const;
  std::string counts() const;
  std::string advice() const;
  std::string lives() const;
  std::string legend() const;
  std::string marks() const;
  std::string use() const;
  std::string tail() const;
  std::string lost_time() const;
  std::string shapes() const;
  std::string failures() const;
  std::string bad_places() const;
  std::string rerun() const;
  std::string critical_path() const;
  std::string slowest() const;
  std::string gpu_use() const;
  std::string nodes() const;
  std::string lanes() const;
  std::string attempts() const;
  std::string steps() const;

  /// A step's name, as a link where the page tells more of it.
  std::string step(const std::string& name) const;
  /// `h1 slot 0`.
  std::string lane_name(std::size_t lane) const;
};

}  // namespace gradus::html
