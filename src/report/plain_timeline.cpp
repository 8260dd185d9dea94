#include "report/plain_timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "report/html.h"
#include "report/page_bars.h"

namespace gradus::html {
namespace {

using nlohmann::json;

constexpr int left = 110, width = 1000, right = 10;  // pixels: labels, lanes, margin
/// Pieces of bars in all lanes together: what the picture may weigh.
constexpr std::size_t most_pieces = 60000;

/// Run seconds to pixels.
struct Scale {
  double end = 1;
  double x(double t) const { return left + std::clamp(t / end, 0.0, 1.0) * width; }
};

double last_end(const json& report, const Bars& bars) {
  double end = 0;
  for (const auto& bar : bars.all) end = std::max(end, bar.end);
  for (const auto& life : list(part(report, "run"), "lives"))
    end = std::max(end, std::min(number(life, "end_s"), 3e10));
  return end > 0 ? end : 1;
}

/// 1, 2, 5, 10, 15, 30 of seconds, minutes, hours, days: the first that gives at most ten.
double tick_of(double end) {
  for (const double unit : {1.0, 60.0, 3600.0, 86400.0}) {
    for (const double times : {1.0, 2.0, 5.0, 10.0, 15.0, 30.0}) {
      if (end / (unit * times) <= 10) return unit * times;
    }
  }
  return std::pow(10, std::ceil(std::log10(end / 10)));
}

std::string clock_text(double t) {
  const auto s = static_cast<long>(t + 0.5);
  if (s >= 86400) return fmt::format("{}d {:02}:{:02}", s / 86400, s % 86400 / 3600, s % 3600 / 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60);
}

std::string axis(const Scale& scale, int height) {
  std::string svg;
  const double tick = tick_of(scale.end);
  for (double t = 0; t <= scale.end * 1.0001; t += tick) {
    svg +=
        fmt::format("<path class=\"grid\" d=\"M{0:.1f} 0V{1}\"/><text class=\"t\" x=\"{0:.1f}\" y=\"{2}\">{3}</text>\n",
                    scale.x(t), height, height + 14, clock_text(t));
  }
  return svg;
}

/// The columns of a lane: which outcome is seen there, -1 none.
class Columns {
 public:
  Columns(const Bars& bars, std::size_t lanes, std::size_t columns, double end)
      : columns_(columns), end_(end), seen_(lanes * columns, -1) {
    for (const auto& bar : bars.all) {
      if (bar.lane < lanes) paint(bar, bars.failed(bar));
    }
  }

  std::size_t columns() const { return columns_; }
  int at(std::size_t lane, std::size_t column) const { return seen_[lane * columns_ + column] >> 1; }

 private:
  void paint(const PageBar& bar, bool failed) {
    const auto of_all = static_cast<double>(columns_) / end_;
    const auto first = std::min(columns_ - 1, static_cast<std::size_t>(std::max(0.0, bar.begin) * of_all));
    const auto last =
        std::min(columns_, std::max(first + 1, static_cast<std::size_t>(std::max(0.0, bar.end) * of_all)));
    const int colour = static_cast<int>(std::min<std::size_t>(bar.outcome, 1000)) << 1 | (failed ? 1 : 0);
    for (auto i = first; i < last; ++i) {
      auto& cell = seen_[bar.lane * columns_ + i];
      if (cell < 0 || failed || (cell & 1) == 0) cell = colour;
    }
  }

  std::size_t columns_;
  double end_;
  std::vector<int> seen_;  // outcome and whether it is a failure
};

/// What tells a kind of failure without its colour.
const char* letter(const std::string& outcome) {
  static const std::map<std::string, const char*, std::less<>> letters = {
      {"exit_code", "E"},      {"signal", "S"},           {"timed_out", "T"}, {"could_not_start", "N"},
      {"output_missing", "M"}, {"lost_with_worker", "L"}, {"cut_off", "C"}};
  const auto at = letters.find(outcome);
  return at == letters.end() ? nullptr : at->second;
}

struct Drawn {
  std::map<int, std::string> paths;  // one per outcome: `M x y h w` for each piece
  std::string letters;
};

Drawn pieces(const Columns& columns, const std::vector<double>& middles, const Bars& bars, double lane_height) {
  Drawn drawn;
  const double pixels = static_cast<double>(width) / static_cast<double>(columns.columns());
  for (std::size_t lane = 0; lane < middles.size(); ++lane) {
    for (std::size_t i = 0; i < columns.columns();) {
      auto end = i + 1;
      const int outcome = columns.at(lane, i);
      while (end < columns.columns() && columns.at(lane, end) == outcome) ++end;
      if (outcome >= 0) {
        const double x = left + static_cast<double>(i) * pixels, w = static_cast<double>(end - i) * pixels;
        drawn.paths[outcome] += fmt::format("M{:.4g} {:.4g}h{:.3g}", x, middles[lane], w);
        PageBar bar;
        bar.outcome = static_cast<std::size_t>(outcome);
        const char* tells = letter(bars.outcome_key(bar));
        if (tells != nullptr && w >= 9 && lane_height >= 10) {
          drawn.letters += fmt::format("<text class=\"letter\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x + w / 2,
                                       middles[lane] + 4, tells);
        }
      }
      i = end;
    }
  }
  return drawn;
}

struct Lanes {
  std::vector<double> middles;  // of each lane, pixels from the top
  double height = 0;
  double lane_height = 0;
  std::string labels;
};

Lanes lanes_of(const json& report) {
  Lanes lanes;
  const auto& all = list(report, "lanes");
  const auto& nodes = list(report, "nodes");
  lanes.lane_height = std::clamp(900.0 / static_cast<double>(std::max<std::size_t>(1, all.size())), 2.0, 16.0);
  double y = 2, label_end = -100;
  auto node_before = SIZE_MAX;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto node = index(all[i], "node");
    if (node != node_before || i == 0) {
      if (i > 0) y += 4;
      const auto host = node < nodes.size() ? text(nodes[node], "host") : std::string("?");
      if (y - label_end >= 12) {  // else the labels would lie on each other
        lanes.labels += fmt::format(
            "<path class=\"grid\" d=\"M0 {0:.1f}H{1}\"/><text class=\"h\" x=\"2\" y=\"{2:.1f}\">{3}</text>\n", y - 2,
            left + width, y + 10, escape(host));
        label_end = y;
      }
      node_before = node;
    }
    lanes.middles.push_back(y + lanes.lane_height / 2);
    if (lanes.lane_height >= 10) {
      lanes.labels += fmt::format("<text class=\"l\" x=\"{}\" y=\"{:.1f}\">{}</text>\n", left - 6,
                                  y + lanes.lane_height / 2 + 4, escape(text(all[i], "slot")));
    }
    y += lanes.lane_height;
  }
  lanes.height = y + 2;
  return lanes;
}

/// When the life ends that a run second belongs to.
double life_end(const json& report, double t, double otherwise) {
  for (const auto& life : list(part(report, "run"), "lives")) {
    if (number(life, "begin_s") <= t && t <= number(life, "end_s")) return number(life, "end_s");
  }
  return otherwise;
}

std::string marks(const json& report, const Scale& scale, const Lanes& lanes) {
  std::string svg;
  for (const auto& mark : list(report, "marks")) {
    const double x = scale.x(number(mark, "t_s"));
    const auto kind = text(mark, "kind");
    const auto title = fmt::format("<title>{}: {}</title>", escape(kind), escape(text(mark, "text")));
    if (kind == "life" || kind == "stop") {
      svg += fmt::format("<path class=\"m-{}\" d=\"M{:.1f} 0V{:.1f}\">{}</path>\n", kind, x, lanes.height, title);
      continue;
    }
    for (const auto& lane : list(mark, "lanes")) {
      if (!lane.is_number_unsigned() || lane.get<std::size_t>() >= lanes.middles.size()) continue;
      const double y = lanes.middles[lane.get<std::size_t>()];
      svg += fmt::format(
          "<path class=\"m-dead\" d=\"M{0:.1f} {1:.1f}H{2:.1f}\"/><path class=\"m-at\" d=\"M{3:.1f} {1:.1f}l6 -6l6 "
          "6l-6 6z\">{4}</path>\n",
          x, y, scale.x(life_end(report, number(mark, "t_s"), scale.end)), x - 6, title);
    }
  }
  return svg;
}

std::string line_of(const json& times, const json& column, const Scale& scale, int height) {
  std::string path;
  double last = NAN;
  for (std::size_t i = 0; i < times.size() && i < column.size(); ++i) {
    if (!column[i].is_number() || !times[i].is_number()) {
      last = NAN;
      continue;
    }
    const double y = height * (1 - std::clamp(column[i].get<double>(), 0.0, 1.0));
    const double x = scale.x(times[i].get<double>());
    path += std::isnan(last) ? fmt::format("M{:.1f} {:.1f}", x, y) : fmt::format("H{:.1f}V{:.1f}", x, y);
    last = y;
  }
  return path.empty() || std::isnan(last) ? path : path + fmt::format("H{}", left + width);
}

std::string svg_head(double height, const char* title) {
  return fmt::format(
      "<svg class=\"plain\" viewBox=\"0 0 {0} {1:.0f}\" role=\"img\" aria-label=\"{2}\" "
      "xmlns=\"http://www.w3.org/2000/svg\">\n",
      left + width + right, height, title);
}

}  // namespace

std::string plain_timeline(const json& report) {
  const auto lanes = lanes_of(report);
  if (lanes.middles.empty()) return "<p>No slot ever joined.</p>\n";
  const Bars bars(report);
  const Scale scale{last_end(report, bars)};
  const auto columns = std::clamp<std::size_t>(most_pieces / lanes.middles.size(), 20, 900);
  auto svg = svg_head(lanes.height + 20, "Timeline; the table of slots tells the same") +
             axis(scale, static_cast<int>(lanes.height)) + lanes.labels;
  const Columns seen(bars, lanes.middles.size(), columns, scale.end);
  const auto drawn = pieces(seen, lanes.middles, bars, lanes.lane_height);
  for (const auto& [outcome, path] : drawn.paths) {
    PageBar bar;
    bar.outcome = static_cast<std::size_t>(outcome);
    const double share_of_lane = bars.failed(bar) ? 0.95 : 0.6;  // more than colour tells a failure
    svg += fmt::format("<path class=\"bar o-{}\" stroke-width=\"{:.1f}\" d=\"{}\"><title>{}</title></path>\n",
                       escape(bars.outcome_key(bar)), lanes.lane_height * share_of_lane, path,
                       escape(bars.outcome_name(bar)));
  }
  return svg + drawn.letters + marks(report, scale, lanes) + "</svg>\n";
}

std::string plain_use(const json& report) {
  const auto& use = part(report, "use");
  const auto& times = list(use, "t_s");
  if (times.empty()) return {};
  constexpr int height = 120;
  const Scale scale{last_end(report, Bars(report))};
  auto svg = svg_head(height + 30, "Busy share of the slots; the table tells the same");
  svg += "<g transform=\"translate(0 10)\">" + axis(scale, height);
  for (const int percent : {0, 50, 100}) {
    const double y = height * (1 - percent / 100.0);
    svg +=
        fmt::format("<path class=\"grid\" d=\"M{} {:.1f}h{}\"/><text class=\"l\" x=\"{}\" y=\"{:.1f}\">{} %</text>\n",
                    left, y, width, left - 6, y + 4, percent);
  }
  for (const char* kind : {"cpu", "gpu"}) {
    const auto path = line_of(times, list(use, kind), scale, height);
    if (!path.empty())
      svg += fmt::format("<path class=\"u-{}\" d=\"{}\"><title>{} slots</title></path>\n", kind, path, kind);
  }
  return svg +
         "</g></svg>\n<p class=\"key\"><i class=\"u-gpu\"></i> GPU slots <i class=\"u-cpu\"></i> CPU slots "
         "(dashed)</p>\n";
}

}  // namespace gradus::html
