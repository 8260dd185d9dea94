#include "run/followed_output.h"

#include <algorithm>
#include <fstream>

#include "core/left_out.h"

namespace gradus {
namespace {

constexpr std::uint64_t compared = 128;

std::string part_of(std::istream& file, const StoredOutput& output, std::uint64_t from, std::uint64_t size) {
  std::string part(from < output.size ? std::min(size, output.size - from) : 0, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(output.offset + from));
  file.read(part.data(), static_cast<std::streamsize>(part.size()));
  part.resize(static_cast<std::size_t>(file.gcount()));
  return part;
}

std::optional<std::uint64_t> find_left_out(std::istream& file, const StoredOutput& output) {
  constexpr std::uint64_t at_once = 1 << 20;
  for (std::uint64_t at = 0; at < output.size; at += at_once) {
    const auto part = part_of(file, output, at, at_once + left_out_begins.size() - 1);
    if (const auto found = part.find(left_out_begins); found != std::string::npos) return at + found;
  }
  return std::nullopt;
}

}  // namespace

/// False when what was given does not stand there any more.
bool FollowedOutput::goes_on(std::istream& file, const StoredOutput& now) const {
  if (now.size < given_ || part_of(file, now, given_ - last_.size(), last_.size()) != last_) return false;
  return !line_at_ || part_of(file, now, *line_at_, line_.size()) == line_;
}

bool FollowedOutput::read(const StoredOutput& now, const Take& take) {
  std::ifstream file(now.path, std::ios::binary);
  bool was_cut = false;
  if (!goes_on(file, now)) {
    line_at_ = find_left_out(file, now);
    if (!line_at_) return false;  // it is being moved into a pack, and another step's stands there
    was_cut = true;
    line_ = part_of(file, now, *line_at_, left_out_line(~std::uint64_t{0}).size());
    given_ = *line_at_;
    last_.clear();
  }
  while (given_ < now.size) {
    constexpr std::uint64_t at_once = 65536;
    const auto part = part_of(file, now, given_, at_once);
    if (part.empty()) break;
    take(part);
    given_ += part.size();
    last_ += part;
    last_.erase(0, last_.size() - std::min<std::size_t>(last_.size(), compared));
  }
  return was_cut;
}

}  // namespace gradus
