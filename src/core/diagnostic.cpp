#include "gradus/diagnostic.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/printable.h"

namespace gradus {
namespace {

/// Two neighbours that changed places count as one slip: the commonest there is.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = printable(diagnostic.file);
  if (diagnostic.line > 0) text += ":" + std::to_string(diagnostic.line);
  if (diagnostic.column > 0) text += ":" + std::to_string(diagnostic.column);
  if (!text.empty()) text += ": ";
  return text + printable(diagnostic.message);
}

std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates) {
  // One slip is forgiven in a short word too, but a word of one or two letters has no room for it.
  const auto most = word.size() < 3 ? 0 : std::max<std::size_t>(1, word.size() / 3);
  std::string nearest;
  auto least = most + 1;
  for (const auto& candidate : candidates) {
    // A difference in length is a distance at least: spares the long words their square.
    const auto apart = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (apart >= least) continue;
    const auto distance = edit_distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace gradus
