// Compares what the chain found in one directory with what make_movies knows.
//
// Knows: the chain's file names, the truth's file names, and how near is near enough.
// Unaware of: how the chain was run.
//
// check_truth DIR [TRUTH] prints one line a quantity: measured, demanded, ok or WRONG; ends with 1 if any is wrong.
// TRUTH absent: the folder Truth beside the movies that DIR/Movies leads to.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "mrc_image.h"

namespace {

using demo::Image;
namespace fs = std::filesystem;

// Right results reach these with room to spare and wrong ones do not. Measured with 4 to 8 movies, and with input or
// results spoilt on purpose:
//   frame shifts 0.21 to 0.39; frames in reverse order 8.6, a movie cut short 327
//   particles found 1.0; frames in reverse order 0.44
//   correlation 0.94 to 0.96, of the halves 0.92 to 0.96; orientations by dice 0.22
//   hidden blob 0.74 to 0.77; absent from the movies too 0.00
//   resolution 16
constexpr double shift_error_allowed = 0.5;    // pixels, root mean square over the frames of the worst movie
constexpr double pick_distance_allowed = 8;    // pixels; the picker finds the mass centre, not the box centre
constexpr double found_demanded = 0.95;        // of the particles those with a pick, of the picks those with a particle
constexpr double correlation_demanded = 0.90;  // reconstruction against phantom
constexpr double half_correlation_demanded = 0.80;  // the same for each half set's, from half of the particles
constexpr double hidden_blob_demanded = 0.5;        // its height in parts of its true height
constexpr double resolution_demanded = 20;          // angstroms; where the two half sets' maps cease to agree
constexpr double compared_radius = 20;              // pixels around the middle of the box

using Row = std::vector<double>;

struct Tally {
  bool all_ok = true;

  void demand(const std::string& what, double measured, bool at_least, double bound) {
    const bool ok = at_least ? measured >= bound : measured <= bound;
    std::printf("  %-44s %8.3f   %s %5.2f   %s\n", what.c_str(), measured, at_least ? ">=" : "<=", bound,
                ok ? "ok" : "WRONG");
    all_ok = all_ok && ok;
  }
};

std::vector<Row> numbers_of(std::istream& lines) {
  std::vector<Row> rows;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Row row;
    for (double number = 0; words >> number;) row.push_back(number);
    if (!row.empty()) rows.push_back(row);
  }
  return rows;
}

std::ifstream open(const fs::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return file;
}

std::vector<Row> truth_rows(const fs::path& path) {
  std::ifstream file = open(path);
  return numbers_of(file);
}

// The rows of numbers below `data_NAME` of a STAR file.
std::vector<Row> star_rows(const fs::path& path, const std::string& block) {
  std::ifstream file = open(path);
  for (std::string line; std::getline(file, line);)
    if (line == "data_" + block) return numbers_of(file);
  throw std::runtime_error(path.string() + " has no block data_" + block);
}

// The program reports the shift that undoes the drift, so a right one adds up to nothing with the true drift.
double shift_error(const fs::path& dir, const fs::path& truth, const std::string& movie) {
  const std::vector<Row> found = star_rows(dir / "MotionCorr" / movie / "Movies" / (movie + ".star"), "global_shift");
  const std::vector<Row> drift = truth_rows(truth / (movie + ".shifts"));
  if (found.size() != drift.size()) throw std::runtime_error(movie + ": the number of frames is wrong");
  double sum = 0;
  for (std::size_t frame = 0; frame < drift.size(); ++frame)
    sum += std::pow(found[frame].at(1) + drift[frame].at(0), 2) + std::pow(found[frame].at(2) + drift[frame].at(1), 2);
  return std::sqrt(sum / static_cast<double>(drift.size()));
}

// Part of the places in `these` that have one of `those` near.
double part_met(const std::vector<Row>& these, const std::vector<Row>& those) {
  const auto met = std::count_if(these.begin(), these.end(), [&](const Row& a) {
    return std::any_of(those.begin(), those.end(), [&](const Row& b) {
      return std::hypot(a.at(0) - b.at(0), a.at(1) - b.at(1)) <= pick_distance_allowed;
    });
  });
  return these.empty() ? 0 : static_cast<double>(met) / static_cast<double>(these.size());
}

double part_found(const fs::path& dir, const fs::path& truth, const std::string& movie) {
  const fs::path picks = dir / "AutoPick" / movie / "MotionCorr" / movie / "Movies" / (movie + "_autopick.star");
  const std::vector<Row> found = star_rows(picks, "");
  const std::vector<Row> known = truth_rows(truth / (movie + ".particles"));
  return std::min(part_met(known, found), part_met(found, known));
}

template <typename Visit>
void for_each_compared(const Image& map, Visit visit) {
  for (int z = 0; z < map.nz; ++z)
    for (int y = 0; y < map.ny; ++y)
      for (int x = 0; x < map.nx; ++x)
        if (std::hypot(x - map.nx / 2, y - map.ny / 2, z - map.nz / 2) <= compared_radius) visit(map.offset(x, y, z));
}

struct Fit {
  double correlation;
  double scale;   // best a in: map = a * phantom + b
  double offset;  // best b
};

Fit fit(const Image& map, const Image& phantom) {
  if (map.nx != phantom.nx || map.ny != phantom.ny || map.nz != phantom.nz)
    throw std::runtime_error("the box size is wrong");
  double n = 0, sm = 0, sp = 0, smm = 0, spp = 0, smp = 0;
  for_each_compared(map, [&](std::size_t i) {
    const double m = map.samples[i], p = phantom.samples[i];
    n += 1, sm += m, sp += p, smm += m * m, spp += p * p, smp += m * p;
  });
  const double covariance = smp - sm * sp / n;
  const double phantom_variance = spp - sp * sp / n;
  const double scale = covariance / phantom_variance;
  return {covariance / std::sqrt((smm - sm * sm / n) * phantom_variance), scale, (sm - scale * sp) / n};
}

// How much of the blob that the initial model lacked has come back: 0 nothing, 1 all.
double hidden_blob_height(const Image& map, const Image& phantom, const Row& centre) {
  const Fit to_phantom = fit(map, phantom);
  const int x = map.nx / 2 + static_cast<int>(centre.at(0));
  const int y = map.ny / 2 + static_cast<int>(centre.at(1));
  const int z = map.nz / 2 + static_cast<int>(centre.at(2));
  return (map.at(x, y, z) - to_phantom.offset) / to_phantom.scale / phantom.at(x, y, z);
}

double final_resolution(const fs::path& dir) {
  std::ifstream file = open(dir / "Postprocess" / "map.star");
  for (std::string word; file >> word;)
    if (double resolution = 0; word == "_rlnFinalResolution" && file >> resolution) return resolution;
  throw std::runtime_error("Postprocess/map.star names no final resolution");
}

std::vector<std::string> movies_of(const fs::path& truth) {
  std::vector<std::string> movies;
  for (const auto& entry : fs::directory_iterator(truth))
    if (entry.path().extension() == ".shifts") movies.push_back(entry.path().stem().string());
  std::sort(movies.begin(), movies.end());
  if (movies.empty()) throw std::runtime_error("no truth in " + truth.string());
  return movies;
}

void check_movies(const fs::path& dir, const fs::path& truth, Tally& tally) {
  double worst_shift = 0;
  double worst_found = 1;
  for (const std::string& movie : movies_of(truth)) {
    worst_shift = std::max(worst_shift, shift_error(dir, truth, movie));
    worst_found = std::min(worst_found, part_found(dir, truth, movie));
  }
  tally.demand("frame shifts, error (pixels, worst movie)", worst_shift, false, shift_error_allowed);
  tally.demand("particles found and not invented (worst)", worst_found, true, found_demanded);
}

void check_maps(const fs::path& dir, const fs::path& truth, Tally& tally) {
  const Image phantom = demo::read_float_mrc(truth / "phantom.mrc");
  const Image initial = demo::read_float_mrc(dir / "Reference" / "initial.mrc");
  const Image full = demo::read_float_mrc(dir / "Reconstruct" / "full.mrc");
  const Row hidden = truth_rows(truth / "hidden_blob").at(0);
  tally.demand("reconstruction, correlation with the phantom", fit(full, phantom).correlation, true,
               correlation_demanded);
  tally.demand("  more than the initial model's, by",
               fit(full, phantom).correlation - fit(initial, phantom).correlation, true, 0.02);
  tally.demand("blob absent from the initial model, height", hidden_blob_height(full, phantom, hidden), true,
               hidden_blob_demanded);
  for (const char* half : {"half1.mrc", "half2.mrc"})
    tally.demand(std::string("reconstruction of ") + half + ", correlation",
                 fit(demo::read_float_mrc(dir / "Reconstruct" / half), phantom).correlation, true,
                 half_correlation_demanded);
  tally.demand("agreement of the halves, down to (angstroms)", final_resolution(dir), false, resolution_demanded);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: check_truth DIR [TRUTH]\n";
    return 2;
  }
  try {
    const fs::path dir = argv[1];
    const fs::path truth = argc == 3 ? fs::path(argv[2]) : fs::canonical(dir / "Movies").parent_path() / "Truth";
    Tally tally;
    check_movies(dir, truth, tally);
    check_maps(dir, truth, tally);
    return tally.all_ok ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "check_truth: " << error.what() << '\n';
    return 1;
  }
}
