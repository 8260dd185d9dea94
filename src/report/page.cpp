#include "report/page.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "report/html.h"
#include "report/page_sections.h"
#include "report/plain_timeline.h"

namespace gradus {
namespace {

using nlohmann::json;
using Parts = std::map<std::string_view, std::string>;

/// `{{name}}` replaced, in one pass: what is put in is never looked at again.
std::string fill(std::string_view text, const Parts& parts) {
  std::string page;
  for (;;) {
    const auto open = text.find("{{");
    page += text.substr(0, open);
    if (open == std::string_view::npos) return page;
    const auto close = text.find("}}", open);
    const auto part = parts.find(text.substr(open + 2, close - open - 2));
    if (part == parts.end()) throw std::logic_error("page.html names a part that nobody makes");
    page += part->second;
    text.remove_prefix(close + 2);
  }
}

/// No text of a user, put into a page as a script, runs there: it cannot know this.
std::string nonce() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}", random(), random(), random());
}

/// What the script needs; the steps' stories stand in the page as text already. `<` would end the element.
std::string data(json report) {
  report.erase("details");
  std::string text;
  for (const char c : report.dump(-1, ' ', false, json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

std::string licence(const PlotLibrary& library) {
  if (library.script.empty()) return {};
  return fmt::format(
      "<details><summary>Drawn with Apache ECharts, which is in this page: its licence</summary>\n"
      "<pre tabindex=\"0\" aria-label=\"Licence\">{}</pre></details>\n",
      html::escape(library.licence));
}

Parts parts_of(const json& report, const PlotLibrary& library) {
  const html::Sections sections(report);
  const auto& run = html::part(report, "run");
  const auto name = html::escape(html::text(run, "name"));
  Parts parts;
  parts["nonce"] = nonce();
  parts["title"] = fmt::format("{} – Gradus", name);
  parts["css"] = page_css();
  parts["js"] = page_js();
  parts["name"] = name;
  parts["state"] = sections.state();
  parts["verdict"] = html::escape(html::text(report, "verdict"));
  parts["facts"] = sections.facts();
  parts["counts"] = sections.counts();
  parts["advice"] = sections.advice();
  parts["lives"] = sections.lives();
  parts["legend"] = sections.legend();
  parts["plain_timeline"] = html::plain_timeline(report);
  parts["no_library"] =
      library.script.empty()
          ? "<p class=\"note\">This gradus was built without the library that draws a timeline to zoom and "
            "click. To have it: <code>scripts/get-plot-library</code> in the sources (it needs npm), then "
            "build again.</p>"
          : "";
  parts["marks"] = sections.marks();
  parts["use"] = sections.use();
  parts["tail"] = sections.tail();
  parts["lost_time"] = sections.lost_time();
  parts["shapes"] = sections.shapes();
  parts["failures"] = sections.failures();
  parts["bad_places"] = sections.bad_places();
  parts["rerun"] = sections.rerun();
  parts["critical_path"] = sections.critical_path();
  parts["slowest"] = sections.slowest();
  parts["gpu_use"] = sections.gpu_use();
  parts["nodes"] = sections.nodes();
  parts["lanes"] = sections.lanes();
  parts["attempts"] = sections.attempts();
  parts["steps"] = sections.steps();
  parts["written"] = fmt::format("Written by gradus {} at {}.", html::escape(html::text(run, "gradus")),
                                 html::escape(html::text(run, "written")));
  parts["licence"] = licence(library);
  parts["data"] = data(report);
  parts["library"] =
      library.script.empty() ? "" : fmt::format("<script nonce=\"{}\">\n{}\n</script>", parts["nonce"], library.script);
  return parts;
}

}  // namespace

std::string report_page(const std::string& text, const PlotLibrary& library) {
  return fill(page_html(), parts_of(json::parse(text), library));
}

std::string report_page(const std::string& text) { return report_page(text, plot_library()); }

}  // namespace gradus
