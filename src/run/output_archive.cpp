#include "run/output_archive.h"

#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/output_pack.h"
#include "core/printable.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

std::uint64_t place_of(std::uint32_t ordinal, std::uint32_t attempt) { return std::uint64_t{ordinal} << 32 | attempt; }

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

/// Put aside were the logs of all lives up to the folder's, less those that were put aside before.
OutputArchive::OutputArchive(std::string run_dir, std::uint32_t life, std::string name)
    : run_dir_(std::move(run_dir)), life_name_(std::move(name)), logs_(run_dir_ + "/" + std::string(logs_folder)) {
  std::uint32_t first = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run_dir_, none)) {
    const auto aside = life == 0 ? 0 : life_of_logs_put_aside(entry.path().filename().string());
    if (aside >= life && aside > 0 && (first == 0 || aside < first)) first = aside;
  }
  if (first > 0) logs_ = run_dir_ + "/" + logs_put_aside(first);
}

/// `log`: a name of core/log_names.h, which begins with the folder.
std::string OutputArchive::path_of(std::string_view log) const {
  return logs_ + std::string(log.substr(logs_folder.size()));
}

std::optional<StoredOutput> OutputArchive::find(std::uint32_t ordinal, std::uint32_t attempt, Stream stream) {
  const auto own = path_of(log_name(ordinal, attempt, stream));
  if (const auto size = size_of(own); size > 0) return StoredOutput{own, 0, size};
  read_packs();
  const auto it = packed_.find(place_of(ordinal, attempt));
  if (it == packed_.end()) return std::nullopt;
  const auto& packed = it->second;
  const bool is_out = stream == Stream::out;
  const StoredOutput output{packs_[packed.pack], packed.offset + (is_out ? 0 : packed.out_size),
                            is_out ? packed.out_size : packed.err_size};
  return output.size > 0 ? std::optional(output) : std::nullopt;
}

std::vector<OutputArchive::Listed> OutputArchive::list() {
  std::map<std::uint64_t, Listed> all;
  read_packs();
  for (const auto& [place, packed] : packed_) {
    all[place] = {static_cast<std::uint32_t>(place >> 32), static_cast<std::uint32_t>(place), packed.out_size,
                  packed.err_size};
  }
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(logs_, none)) {
    const auto name = read_log_name(entry.path().filename().string());
    if (!name) continue;
    auto& listed = all[place_of(name->ordinal, name->attempt)];
    listed.ordinal = name->ordinal;
    listed.attempt = name->attempt;
    (name->stream == Stream::out ? listed.out_size : listed.err_size) = size_of(entry.path());
  }
  std::vector<Listed> result;
  for (const auto& [place, listed] : all) {
    if (listed.out_size + listed.err_size > 0) result.push_back(listed);
  }
  return result;
}

/// Oldest first, so that the latest life has the last word.
void OutputArchive::read_packs() {
  if (has_read_packs_) return;
  has_read_packs_ = true;
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(logs_, none)) {
    if (is_pack_of(life_name_, entry.path().filename().string()))
      found.emplace_back(entry.last_write_time(none), entry.path());
  }
  std::sort(found.begin(), found.end());
  for (const auto& [time, path] : found) read_pack(path);
}

void OutputArchive::read_pack(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const auto size = size_of(path);
  packs_.push_back(path);
  const auto pack = static_cast<std::uint32_t>(packs_.size() - 1);
  std::string line;
  for (std::uint64_t at = 0; at < size;) {
    line.resize(longest_pack_line);
    file.clear();
    file.seekg(static_cast<std::streamoff>(at));
    file.read(line.data(), static_cast<std::streamsize>(line.size()));
    line.resize(static_cast<std::size_t>(file.gcount()));
    const auto newline = line.find('\n');
    if (newline == std::string::npos) return;  // being written, or torn
    const auto output = read_pack_line(std::string_view(line).substr(0, newline));
    if (!output) return;
    const auto begin = at + newline + 1;
    const auto end = begin + output->out_size + output->err_size + 1;
    if (end > size) return;
    packed_[place_of(output->ordinal, output->attempt)] = {pack, begin, output->out_size, output->err_size};
    at = end;
  }
}

std::vector<std::string> last_lines(const StoredOutput& output, std::size_t most) {
  constexpr std::uint64_t enough = 4096;
  constexpr std::size_t most_shown = 300;
  std::ifstream file(output.path, std::ios::binary);
  const auto part = std::min(output.size, enough);
  file.seekg(static_cast<std::streamoff>(output.offset + output.size - part));
  std::string text(part, '\0');
  file.read(text.data(), static_cast<std::streamsize>(part));
  text.resize(static_cast<std::size_t>(file.gcount()));
  std::istringstream all(text);
  std::deque<std::string> lines;
  for (std::string line; std::getline(all, line);) {
    auto shown = printable_line(line);
    if (shown.size() > most_shown) shown = printable(std::string_view(shown).substr(0, most_shown)) + "...";
    lines.push_back(std::move(shown));
    if (lines.size() > most) lines.pop_front();
  }
  return {lines.begin(), lines.end()};
}

}  // namespace gradus
