// Random draws that depend on what they are for, never on the order in which they are made.
//
// Knows: a hash of a few numbers.
// Unaware of: what is drawn. (The standard library's distributions differ between implementations, and a
//        seed printed on one machine must show the same run on another.)
#pragma once

#include <cstdint>
#include <initializer_list>

namespace gradus {

inline std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Evenly distributed over all 64-bit numbers.
inline std::uint64_t draw(std::initializer_list<std::uint64_t> of_what) {
  std::uint64_t hash = 0;
  for (const auto part : of_what) hash = mix(hash ^ part);
  return hash;
}

/// Evenly distributed over [0, 1).
inline double draw_unit(std::initializer_list<std::uint64_t> of_what) {
  return static_cast<double>(draw(of_what) >> 11) * 0x1.0p-53;
}

}  // namespace gradus
