// Reads and writes MRC images, stacks and maps: the 1024-byte header of the MRC2014 format and its samples.
//
// Knows: the header words that RELION looks at, sample modes 1 (16-bit integers) and 2 (32-bit floats).
// Unaware of: what the samples show, and of Gradus; the demo's programs are compiled apart from the product.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace demo {

/// Samples x fastest, then y, then z (or the frame number); size() of them.
struct Image {
  int nx = 0;
  int ny = 0;
  int nz = 1;
  std::vector<float> samples;

  Image() = default;
  Image(int width, int height, int depth) : nx(width), ny(height), nz(depth), samples(size()) {}

  std::size_t size() const {
    return static_cast<std::size_t>(nx) * static_cast<std::size_t>(ny) * static_cast<std::size_t>(nz);
  }
  std::size_t offset(int x, int y, int z) const {
    return static_cast<std::size_t>(x) +
           static_cast<std::size_t>(nx) *
               (static_cast<std::size_t>(y) + static_cast<std::size_t>(ny) * static_cast<std::size_t>(z));
  }
  float& at(int x, int y, int z) { return samples[offset(x, y, z)]; }
  float at(int x, int y, int z) const { return samples[offset(x, y, z)]; }
};

using MrcHeader = std::array<char, 1024>;

template <typename T>
void put_word(MrcHeader& header, std::size_t word, T value) {
  static_assert(sizeof value == 4);
  std::memcpy(header.data() + 4 * word, &value, sizeof value);
}

inline std::int32_t integer_word(const MrcHeader& header, std::size_t word) {
  std::int32_t value = 0;
  std::memcpy(&value, header.data() + 4 * word, sizeof value);
  return value;
}

inline MrcHeader header_of(const Image& image, std::int32_t mode, float angstroms_per_pixel) {
  MrcHeader header{};
  const std::array<std::int32_t, 3> extent = {image.nx, image.ny, image.nz};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    put_word(header, axis, extent[axis]);
    put_word(header, 7 + axis, extent[axis]);
    put_word(header, 10 + axis, angstroms_per_pixel * static_cast<float>(extent[axis]));
    put_word(header, 13 + axis, 90.0F);
    put_word(header, 16 + axis, static_cast<std::int32_t>(axis + 1));
  }
  put_word(header, 3, mode);
  put_word(header, 27, std::int32_t{20140});
  std::memcpy(header.data() + 208, "MAP ", 4);
  header[212] = header[213] = 0x44;  // little-endian samples
  return header;
}

/// Throws std::runtime_error with the path when the file cannot be written whole.
template <typename Sample>
void write_mrc(const std::string& path, const Image& image, float angstroms_per_pixel) {
  static_assert(sizeof(Sample) == 2 || sizeof(Sample) == 4);
  const MrcHeader header = header_of(image, sizeof(Sample) == 2 ? 1 : 2, angstroms_per_pixel);
  const std::vector<Sample> samples(image.samples.begin(), image.samples.end());
  std::ofstream file(path, std::ios::binary);
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  file.write(reinterpret_cast<const char*>(samples.data()),
             static_cast<std::streamsize>(samples.size() * sizeof(Sample)));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

/// Reads 32-bit float maps, the only kind the chain's results have. Throws std::runtime_error with the path.
inline Image read_float_mrc(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  MrcHeader header{};
  if (!file.read(header.data(), static_cast<std::streamsize>(header.size())))
    throw std::runtime_error("cannot read " + path);
  if (integer_word(header, 3) != 2) throw std::runtime_error(path + " does not hold 32-bit floats");
  Image image(integer_word(header, 0), integer_word(header, 1), integer_word(header, 2));
  file.seekg(1024 + integer_word(header, 23));  // word 23: length of the extended header
  if (!file.read(reinterpret_cast<char*>(image.samples.data()), static_cast<std::streamsize>(4 * image.size())))
    throw std::runtime_error(path + " ends too early");
  return image;
}

}  // namespace demo
