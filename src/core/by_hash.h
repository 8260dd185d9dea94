// Values found by hashes, side by side in one table.
//
// Knows: open addressing: where what has a hash stands, or belongs. Unaware of: how hashes are made, what the values
// are.
//
// Why: a hash map has a node for each value. With a million of them making, finding and freeing each waits for memory,
// and takes longer than reading the steps from which they come.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace gradus {

/// So many cells for so many values that few stand beside the place where they belong, and one is free at least.
inline std::size_t cells_for(std::size_t values) { return std::bit_ceil(2 * values + 1); }

/// Index of the first cell, from where `hash` belongs on, for which `is_it` holds: it does for free ones. `cells`: see
/// cells_for(); hashes are evenly spread in all of their bits.
template <class Cell, class IsIt>
std::size_t find_cell(const std::vector<Cell>& cells, std::uint64_t hash, const IsIt& is_it) {
  const auto mask = cells.size() - 1;
  auto at = static_cast<std::size_t>(hash) & mask;
  while (!is_it(cells[at])) at = (at + 1) & mask;
  return at;
}

/// A map whose keys are hashes themselves.
template <class Value>
class ByHash {
 public:
  /// At most `values` of them.
  explicit ByHash(std::size_t values) : cells_(cells_for(values)) {}

  /// Told of a hash while so many others are still to be looked for before it, memory has its cell ready by then.
  static constexpr std::size_t ahead = 16;
  void expect(std::uint64_t hash) const {
    __builtin_prefetch(&cells_[static_cast<std::size_t>(hash) & (cells_.size() - 1)]);
  }
  /// The value of `hash`, a new one where it has none.
  Value& operator[](std::uint64_t hash) {
    auto& cell = cells_[place_of(hash)];
    cell.hash = hash;
    if (!cell.value) cell.value.emplace();
    return *cell.value;
  }
  /// Null where it has none.
  const Value* find(std::uint64_t hash) const {
    const auto& cell = cells_[place_of(hash)];
    return cell.value ? &*cell.value : nullptr;
  }

 private:
  struct Cell {
    std::uint64_t hash = 0;
    std::optional<Value> value;
  };
  std::size_t place_of(std::uint64_t hash) const {
    return find_cell(cells_, hash, [&](const Cell& cell) { return !cell.value || cell.hash == hash; });
  }

  std::vector<Cell> cells_;
};

}  // namespace gradus
