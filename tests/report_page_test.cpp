#include "report/page.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

namespace gradus {
namespace {

using nlohmann::json;

const PlotLibrary a_library = {"/* draws */ globalThis.echarts = {};", "Licence <of> the library"};

/// A small run: two slots, a failure, a quarantined slot.
json a_report() {
  return json::parse(R"({
    "version": 1,
    "run": {"name": "chain.run", "steps_file": "chain.txt", "state": "finished", "exit_code": 1, "wall_s": 60,
            "lives": [{"begin_s": 0, "end_s": 60}]},
    "counts": {"total": 3, "succeeded": 2, "failed": 1},
    "verdict": "2 of 3 steps succeeded.",
    "advice": [{"what": "Leave GPU-7 out.", "why": "It failed."}],
    "nodes": [{"host": "h1", "lanes": [0, 1]}],
    "lanes": [{"node": 0, "slot": 0, "gpus": ["GPU-6"], "kind": "gpu"}, {"node": 0, "slot": 1, "gpus": ["GPU-7"], "kind": "gpu"}],
    "outcomes": ["succeeded", "exit_code"],
    "bars": {"lane": [0, 0, 1], "begin": [0, 20, 0], "end": [20, 60, 30], "outcome": [0, 0, 1], "step": [0, 1, 2],
             "attempt": [1, 1, 1], "count": [1, 1, 1]},
    "step_names": ["a", "b", "c"],
    "marks": [{"t_s": 30, "kind": "quarantine", "text": "slot 1 is bad", "lanes": [1]}],
    "failures": [{"cause": "exit code 3", "count": 1, "steps": ["c"], "examples": [], "places": []}],
    "rerun": {"count": 1, "names": ["c"], "command": "gradus run chain.txt --resume"},
    "details": {"c": {"command": "./c --now", "needs": ["a"], "attempts": [{"attempt": 1, "life": 1, "place": "h1 slot 1",
      "outcome": "exit_code", "what": "exit code 3", "begin_s": 0, "seconds": 30}], "tail": ["it broke"]}}
  })");
}

std::string page_of(const json& report, const PlotLibrary& library = a_library) {
  return report_page(report.dump(), library);
}

bool has(const std::string& page, std::string_view text) { return page.find(text) != std::string::npos; }

/// The JSON that the page's script reads.
std::string data_of(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const auto begin = page.find(open) + open.size();
  return page.substr(begin, page.find("</script>", begin) - begin);
}

TEST(ReportPage, tells_the_run_without_any_script) {
  const auto page = page_of(a_report());
  for (const char* text : {"2 of 3 steps succeeded.", "Leave GPU-7 out.", "slot 1 is bad", "exit code 3", "./c --now",
                           "it broke", "gradus run chain.txt --resume", "h1 slot 1"}) {
    EXPECT_TRUE(has(page.substr(0, page.find("id=\"data\"")), text)) << text;
  }
}

// Whatever a user can name, in all places where it is shown: no element comes of it.
TEST(ReportPage, shows_hostile_text_as_text) {
  const std::string hostile = "</script><img src=x onerror=alert(1)><b>'\"&{{css}}";
  auto text = a_report().dump();
  for (const char* shown : {"chain.run", "chain.txt", "h1", "GPU-6", "slot 1 is bad", "exit code 3", "it broke",
                            "./c --now", "2 of 3 steps succeeded.", "Leave GPU-7 out.", "finished"}) {
    text = std::regex_replace(text, std::regex(std::string("\"") + shown + "\""), json(hostile).dump());
  }
  auto report = json::parse(text);
  report["step_names"] = {"a", "b", hostile};
  report["outcomes"][1] = hostile;
  report["failures"][0]["steps"] = {hostile};
  report["details"][hostile] = report["details"]["c"];
  const auto page = page_of(report);
  EXPECT_FALSE(has(page, "<img"));
  EXPECT_FALSE(has(page, "<b>'"));
  EXPECT_TRUE(has(page, "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&lt;b&gt;&#39;&quot;&amp;{{css}}"));
  EXPECT_EQ(json::parse(data_of(page))["run"]["name"], hostile);
}

TEST(ReportPage, shows_control_characters_and_keeps_what_is_no_ascii) {
  auto report = a_report();
  report["verdict"] = "\x1b[31m Grüße\x7f";
  EXPECT_TRUE(has(page_of(report), "\\x1b[31m Grüße\\x7f"));
}

// The library's own text holds names of XML namespaces, which nothing fetches.
TEST(ReportPage, names_nothing_outside_of_itself) {
  auto page = page_of(a_report());
  for (const char* fetches : {"src=", "@import", "url(", "<link", "<iframe", "fetch(", "XMLHttpRequest", "import("}) {
    EXPECT_FALSE(has(page, fetches)) << fetches;
  }
  std::set<std::string> addresses;
  const std::regex address("https?://[^\"' <]*");
  for (std::sregex_iterator at(page.begin(), page.end(), address), end; at != end; ++at) addresses.insert(at->str());
  EXPECT_EQ(addresses, std::set<std::string>{"http://www.w3.org/2000/svg"});
  EXPECT_TRUE(has(page, "default-src 'none'"));
}

TEST(ReportPage, runs_no_script_but_its_own) {
  const auto first = page_of(a_report()), second = page_of(a_report());
  std::smatch nonce;
  ASSERT_TRUE(std::regex_search(first, nonce, std::regex("script-src 'nonce-([0-9a-f]{24})'")));
  EXPECT_TRUE(has(first, "<script nonce=\"" + nonce[1].str() + "\">"));
  EXPECT_FALSE(has(second, nonce[1].str()));
}

TEST(ReportPage, keeps_the_licence_of_the_library_that_draws_it) {
  const auto page = page_of(a_report());
  EXPECT_TRUE(has(page, "globalThis.echarts = {};"));
  EXPECT_TRUE(has(page, "Licence &lt;of&gt; the library"));
  EXPECT_FALSE(has(page, "scripts/get-plot-library"));
}

TEST(ReportPage, has_a_plain_timeline_without_the_library_and_says_how_to_get_it) {
  const auto page = page_of(a_report(), {});
  EXPECT_TRUE(has(page, "scripts/get-plot-library"));
  EXPECT_FALSE(has(page, "Apache ECharts, which is in this page"));
  EXPECT_TRUE(has(page, "class=\"bar o-succeeded\""));
  EXPECT_TRUE(has(page, "class=\"bar o-exit_code\""));
}

TEST(ReportPage, is_compiled_with_a_whole_library_or_none) {
  const auto library = plot_library();
  if (library.script.empty()) {
    EXPECT_TRUE(library.licence.empty());
    return;
  }
  EXPECT_TRUE(has(std::string(library.script), "Apache Software Foundation"));
  EXPECT_TRUE(has(std::string(library.licence), "Apache License"));
  EXPECT_FALSE(has(std::string(library.script), "</script"));
}

TEST(ReportPage, copes_with_everything_missing_null_or_of_another_kind) {
  EXPECT_TRUE(has(page_of(json::object()), "</html>"));
  for (const auto& wrong : {json(), json(7), json("text"), json::array({7, nullptr}), json::object({{"x", 1}})}) {
    auto report = a_report();
    const auto keys = a_report();
    for (const auto& [key, value] : keys.items()) {
      auto one = a_report();
      one[key] = wrong;
      EXPECT_NO_THROW(page_of(one)) << key << " is " << wrong;
      report[key] = wrong;
    }
    EXPECT_NO_THROW(page_of(report));
  }
  auto report = a_report();
  report["bars"]["lane"] = {0, 99, -1, 1e300};
  report["bars"]["end"] = {-5, 1e300, nullptr};
  EXPECT_NO_THROW(page_of(report));
}

TEST(ReportPage, counts_attempts_and_not_the_slots_that_they_held) {
  auto report = a_report();
  report["counts"]["attempts"] = 2;  // one held two slots
  EXPECT_TRUE(has(page_of(report), "All attempts (2)"));
}

// What falls into one column of the plain timeline is one piece there, and a failure is not painted over.
TEST(ReportPage, plain_timeline_does_not_grow_with_attempts_nor_hide_failures) {
  auto report = a_report();
  auto& bars = report["bars"];
  for (const char* column : {"lane", "begin", "end", "outcome", "step", "attempt", "count"})
    bars[column] = json::array();
  for (int i = 0; i < 50000; ++i) {
    bars["lane"].push_back(0);
    bars["begin"].push_back(i * 0.001);
    bars["end"].push_back(i * 0.001 + 0.001);
    bars["outcome"].push_back(i == 25000 ? 1 : 0);
    bars["step"].push_back(-1);
    bars["attempt"].push_back(1);
    bars["count"].push_back(1);
  }
  const auto page = page_of(report, {});
  const auto size = page.size() - data_of(page).size();
  EXPECT_LT(size, 200000U);
  EXPECT_TRUE(has(page, "class=\"bar o-exit_code\""));
}

}  // namespace
}  // namespace gradus
