// Writes synthetic electron-microscope movies of a known particle, and what is known about them.
//
// Knows: the phantom (a 3-D sum of Gaussian blobs), where each particle lies and how each movie drifts.
// Unaware of: the programs that will process the movies, and of Gradus.
//
// make_movies DIR N writes into DIR
//   Movies/mNN.mrcs         the movies: dark particles on a noisy bright ground, every frame shifted by the drift
//   Reference/initial.mrc   a blurred model that LACKS one blob of the phantom: what the search for orientations starts
//                           from; the missing blob can only come back from the movies
//   Truth/phantom.mrc       the particle itself
//   Truth/hidden_blob       centre (pixels from the middle of the box) of the blob that the initial model lacks
//   Truth/mNN.shifts        one line a frame: drift x y in pixels against the first frame
//   Truth/mNN.particles     one line a particle: x y in pixels of the first frame, counted from 0
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numbers>
#include <random>

#include "mrc_image.h"

namespace {

using demo::Image;

constexpr float angstroms_per_pixel = 3.0F;
constexpr int box = 48;
constexpr int field = 320;
constexpr int frames = 12;
constexpr int grid_pitch = 64;     // particles lie near a grid, so that they never overlap
constexpr double jitter = 6;       // by up to so many pixels either way
constexpr double ground = 100;     // mean count of a pixel without a particle
constexpr double noise = 4;        // standard deviation of a pixel in one frame
constexpr double contrast = 1.0;   // counts a frame that one unit of projected density takes away
constexpr std::size_t hidden = 6;  // index of the blob that the initial model lacks

struct Vector {
  double x, y, z;
};

struct Blob {
  Vector centre;  // pixels from the middle of the box
  double weight;  // density at its centre
};

constexpr double blob_radius = 2.2;  // standard deviation, pixels

// No symmetry, not even a mirror: a wrong orientation or the wrong hand spoils the reconstruction.
constexpr std::array<Blob, 9> phantom = {{{{0, 0, 0}, 1.0},
                                          {{11, 1, 2}, 1.2},
                                          {{-9, 5, 3}, 0.9},
                                          {{2, -10, 4}, 1.0},
                                          {{-4, -4, -9}, 1.1},
                                          {{5, 8, -6}, 0.8},
                                          {{-3, 6, 10}, 1.2},
                                          {{7, -5, -3}, 0.7},
                                          {{-11, -6, 1}, 0.8}}};

using Rotation = std::array<Vector, 2>;  // the rows that give the image's x and y

// std::mt19937_64 gives the same numbers everywhere; the standard's distributions need not, hence our own.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  double gaussian() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 engine_;
};

double dot(const Vector& a, const Vector& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

// Even over all orientations: a unit quaternion from four Gaussians.
Rotation random_rotation(Dice& dice) {
  std::array<double, 4> q{};
  double norm = 0;
  for (double& part : q) {
    part = dice.gaussian();
    norm += part * part;
  }
  for (double& part : q) part /= std::sqrt(norm);
  const auto [w, x, y, z] = q;
  return {{{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
           {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)}}};
}

Image density(double radius, bool with_hidden_blob) {
  Image map(box, box, box);
  for (int z = 0; z < box; ++z)
    for (int y = 0; y < box; ++y)
      for (int x = 0; x < box; ++x)
        for (std::size_t i = 0; i < phantom.size(); ++i) {
          if (i == hidden && !with_hidden_blob) continue;
          const Vector& c = phantom[i].centre;
          const double d2 =
              std::pow(x - box / 2 - c.x, 2) + std::pow(y - box / 2 - c.y, 2) + std::pow(z - box / 2 - c.z, 2);
          map.at(x, y, z) += static_cast<float>(phantom[i].weight * std::exp(-d2 / (2 * radius * radius)));
        }
  return map;
}

// The projection of a Gaussian blob is a Gaussian spot, so sub-pixel places and drifts are exact, not interpolated.
void add_spot(Image& frame, double centre_x, double centre_y, double height) {
  const int reach = static_cast<int>(std::ceil(5 * blob_radius));
  for (int y = std::max(0, static_cast<int>(centre_y) - reach);
       y <= std::min(field - 1, static_cast<int>(centre_y) + reach); ++y)
    for (int x = std::max(0, static_cast<int>(centre_x) - reach);
         x <= std::min(field - 1, static_cast<int>(centre_x) + reach); ++x) {
      const double d2 = std::pow(x - centre_x, 2) + std::pow(y - centre_y, 2);
      frame.at(x, y, 0) += static_cast<float>(height * std::exp(-d2 / (2 * blob_radius * blob_radius)));
    }
}

struct Particle {
  double x, y;
  Rotation rotation;
};

void add_particle(Image& frame, const Particle& particle, const Vector& drift) {
  const double depth = blob_radius * std::sqrt(2 * std::numbers::pi);  // integral of the blob along the beam
  for (const Blob& blob : phantom)
    add_spot(frame, particle.x + drift.x + dot(particle.rotation[0], blob.centre),
             particle.y + drift.y + dot(particle.rotation[1], blob.centre), -contrast * depth * blob.weight);
}

std::vector<Particle> scatter_particles(Dice& dice) {
  std::vector<Particle> particles;
  for (int y = grid_pitch / 2; y < field; y += grid_pitch)
    for (int x = grid_pitch / 2; x < field; x += grid_pitch) {
      const double at_x = x + dice.between(-jitter, jitter);
      const double at_y = y + dice.between(-jitter, jitter);
      particles.push_back({at_x, at_y, random_rotation(dice)});
    }
  return particles;
}

// Fast at first and slower later, on a slightly bent way, as a real specimen settles under the beam.
std::vector<Vector> drift_of_frames(Dice& dice) {
  const double length = dice.between(5, 9);
  const double direction = dice.between(0, 2 * std::numbers::pi);
  const double bend = dice.between(-0.6, 0.6);
  std::vector<Vector> drift;
  for (int frame = 0; frame < frames; ++frame) {
    const double way = length * (1 - std::exp(-frame / 4.0));
    const double angle = direction + bend * frame / frames;
    drift.push_back({way * std::cos(angle), way * std::sin(angle), 0});
  }
  return drift;
}

Image take_movie(const std::vector<Particle>& particles, const std::vector<Vector>& drift, Dice& dice) {
  Image movie(field, field, frames);
  for (int number = 0; number < frames; ++number) {
    Image frame(field, field, 1);
    for (const Particle& particle : particles) add_particle(frame, particle, drift[static_cast<std::size_t>(number)]);
    for (std::size_t i = 0; i < frame.size(); ++i)
      movie.samples[movie.offset(0, 0, number) + i] =
          static_cast<float>(std::round(ground + noise * dice.gaussian() + frame.samples[i]));
  }
  return movie;
}

void write_rows(const std::string& path, const std::vector<Vector>& rows) {
  std::ofstream file(path);
  file.precision(6);
  for (const Vector& row : rows) file << row.x << ' ' << row.y << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

void make_movie(const std::string& dir, int number) {
  Dice dice(static_cast<std::uint64_t>(1000 + number));
  const std::vector<Particle> particles = scatter_particles(dice);
  const std::vector<Vector> drift = drift_of_frames(dice);
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "m%02d", number);
  const std::string stem = name.data();
  demo::write_mrc<std::int16_t>(dir + "/Movies/" + stem + ".mrcs", take_movie(particles, drift, dice),
                                angstroms_per_pixel);
  write_rows(dir + "/Truth/" + stem + ".shifts", drift);
  std::vector<Vector> places;
  for (const Particle& particle : particles) places.push_back({particle.x, particle.y, 0});
  write_rows(dir + "/Truth/" + stem + ".particles", places);
}

void make_all(const std::string& dir, int movies) {
  for (const char* folder : {"/Movies", "/Reference", "/Truth"}) std::filesystem::create_directories(dir + folder);
  demo::write_mrc<float>(dir + "/Truth/phantom.mrc", density(blob_radius, true), angstroms_per_pixel);
  demo::write_mrc<float>(dir + "/Reference/initial.mrc", density(1.5 * blob_radius, false), angstroms_per_pixel);
  const Vector& centre = phantom[hidden].centre;
  std::ofstream(dir + "/Truth/hidden_blob") << centre.x << ' ' << centre.y << ' ' << centre.z << '\n';
  for (int number = 1; number <= movies; ++number) make_movie(dir, number);
}

}  // namespace

int main(int argc, char** argv) {
  const int movies = argc == 3 ? std::atoi(argv[2]) : 0;
  if (movies < 2 || movies > 99) {
    std::cerr << "usage: make_movies DIR N   (N from 2 to 99)\n";
    return 2;
  }
  try {
    make_all(argv[1], movies);
  } catch (const std::exception& error) {
    std::cerr << "make_movies: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
