// Makespans over the lower bound, by who orders the steps: the table of src/docs/makespan.md.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "support/makespan_study.h"

namespace gradus::support {
namespace {

constexpr std::array<std::uint32_t, 8> slot_counts{2, 4, 8, 16, 32, 64, 128, 256};
constexpr std::uint64_t seeds = 5;

using Generate = std::function<Workload(std::uint64_t seed)>;
using Row = std::array<double, slot_counts.size()>;  // mean over the seeds of makespan / bound

struct Case {
  std::string size;
  Generate generate;
};

/// What the promises are judged by.
struct Judgement {
  double worst_known = 0;         ///< ours over the bound, costs known, where HLFET is within 1 % of it
  double worst_against_file = 0;  ///< ours over file order, whatever is known
  std::string where_known, where_file;
};

void print_row(const std::string& name, const std::string& size, const char* who, const Row& row) {
  std::string line = fmt::format("| {} | {} | {} |", name, size, who);
  for (const auto ratio : row) line += fmt::format(" {:.3f} |", ratio / seeds);
  fmt::print("{}\n", line);
}

void study(const Case& one, Judgement& judgement) {
  struct Way {
    Knowledge knowledge;
    const char* who;
    Row row;
  };
  std::array<Way, 3> ways{{{Knowledge::known, "Gradus, costs known", {}},
                           {Knowledge::learnt, "Gradus, learnt", {}},
                           {Knowledge::unknown, "Gradus, nothing known", {}}}};
  Row by_file{}, by_level{};
  std::string name;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto work = one.generate(seed);
    name = work.name;
    const auto in_file_order = file_order(work), highest_first = highest_level_first(work);
    for (std::size_t i = 0; i < slot_counts.size(); ++i) {
      const auto slots = slot_counts[i];
      const double best = best_possible(work, slots);
      const double file = list_schedule(work, slots, in_file_order);
      const double level = list_schedule(work, slots, highest_first);
      by_file[i] += file / best;
      by_level[i] += level / best;
      for (auto& way : ways) {
        const double ours = our_makespan(work, way.knowledge, slots);
        way.row[i] += ours / best;
        const auto place = fmt::format("{} {}, {}, {} slots, seed {}", name, one.size, way.who, slots, seed);
        if (ours / file > judgement.worst_against_file) {
          judgement.worst_against_file = ours / file;
          judgement.where_file = place;
        }
        if (way.knowledge != Knowledge::known || level > 1.01 * best) continue;
        if (ours / best > judgement.worst_known) {
          judgement.worst_known = ours / best;
          judgement.where_known = place;
        }
      }
    }
  }
  for (const auto& way : ways) print_row(name, one.size, way.who, way.row);
  print_row(name, one.size, "file order", by_file);
  print_row(name, one.size, "HLFET, truth known", by_level);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto spread : {Spread::pareto, Spread::lognormal, Spread::bimodal}) {
    all.push_back({"4,000", [=](std::uint64_t seed) { return independent(spread, 4000, seed); }});
  }
  for (const auto width : {20U, 100U, 400U}) {
    all.push_back({fmt::format("10 × {}", width), [=](std::uint64_t seed) { return layered(10, width, seed); }});
  }
  for (const auto lines : {4U, 16U, 64U}) {
    all.push_back(
        {fmt::format("{} lines of 6 × 6", lines), [=](std::uint64_t seed) { return diamonds(lines, 6, 6, seed); }});
  }
  for (const auto images : {25U, 100U, 800U}) {
    all.push_back({fmt::format("{} images", images), [=](std::uint64_t seed) { return montage(images, seed); }});
  }
  for (const auto chunks : {5U, 30U, 120U}) {
    all.push_back(
        {fmt::format("7 lanes of {}", chunks), [=](std::uint64_t seed) { return epigenomics(7, chunks, seed); }});
  }
  return all;
}

int main_of_table() {
  std::string head = "| workload | size | order |", rule = "|---|---|---|";
  for (const auto slots : slot_counts) {
    head += fmt::format(" {} slots |", slots);
    rule += "---|";
  }
  fmt::print("{}\n{}\n", head, rule);
  Judgement judgement;
  for (const auto& one : cases()) study(one, judgement);
  fmt::print("\nWorst of all, with costs known and where HLFET is within 1 % of the bound: {:.3f} of the bound ({}).\n",
             judgement.worst_known, judgement.where_known);
  fmt::print("Worst of all against file order: {:.3f} ({}).\n", judgement.worst_against_file, judgement.where_file);
  return 0;
}

}  // namespace
}  // namespace gradus::support

int main() { return gradus::support::main_of_table(); }
