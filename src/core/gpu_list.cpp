#include "gradus/gpu_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace gradus {
namespace {

constexpr int most_entries = 4096;
/// Scipion writes 99 for "no GPU here"; nobody means a hundredth device by it.
constexpr int scipions_void = 99;

std::string lower(std::string_view text) {
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
  return small;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Parses one text; every part knows its offset, so that mistakes can point at it.
class ListParser {
 public:
  ListParser(std::string_view text, const std::string& file, std::uint32_t line, Diagnostics& mistakes)
      : text_(text), file_(file), line_(line), mistakes_(mistakes) {}

  GpuList parse() {
    GpuList list;
    if (text_.find('=') == std::string_view::npos) {
      list.others = part(0, text_.size());
      return list;
    }
    list.has_others = false;
    for (std::size_t begin = 0; begin <= text_.size();) {
      const auto end = std::min(text_.find(';', begin), text_.size());
      if (!blank(begin, end)) host_part(list, begin, end);
      begin = end + 1;
    }
    return list;
  }

 private:
  void mistake(std::size_t offset, std::string message) {
    mistakes_.push_back({file_, line_, static_cast<std::uint32_t>(offset + 1), std::move(message)});
  }
  bool blank(std::size_t begin, std::size_t end) const {
    return std::all_of(text_.begin() + static_cast<std::ptrdiff_t>(begin),
                       text_.begin() + static_cast<std::ptrdiff_t>(end), is_blank);
  }
  std::size_t skip_blanks(std::size_t at, std::size_t end) const {
    while (at < end && is_blank(text_[at])) ++at;
    return at;
  }

  void host_part(GpuList& list, std::size_t begin, std::size_t end) {
    begin = skip_blanks(begin, end);
    const auto equals = text_.find('=', begin);
    if (equals >= end) return mistake(begin, "HOST=LIST is expected here, as in 'nodeA=0,1; *=0'");
    auto host_end = equals;
    while (host_end > begin && is_blank(text_[host_end - 1])) --host_end;
    const std::string host(text_.substr(begin, host_end - begin));
    if (host.empty()) return mistake(begin, "the host's name is missing before '='");
    const bool known = host == "*"
                           ? list.has_others
                           : std::any_of(list.hosts.begin(), list.hosts.end(),
                                         [&](const GpuList::ForHost& one) { return same_host(one.host, host); });
    if (known) return mistake(begin, fmt::format("'{}' stands twice", host));
    auto for_host = part(equals + 1, end);
    if (host == "*") {
      list.has_others = true;
      list.others = std::move(for_host);
    } else {
      list.hosts.push_back({host, std::move(for_host)});
    }
  }

  /// `auto`, `none`, ids, or groups.
  HostGpuList part(std::size_t begin, std::size_t end) {
    HostGpuList list;
    const auto first = skip_blanks(begin, end);
    if (first == end) {
      mistake(begin, "the GPU list is empty: write ids such as '0 1', auto or none");
      return list;
    }
    auto last = end;
    while (is_blank(text_[last - 1])) --last;
    const auto word = lower(text_.substr(first, last - first));
    if (word == "auto") return list;
    if (word == "none") {
      list.kind = HostGpuList::Kind::none;
      return list;
    }
    if (text_.substr(begin, end - begin).find('|') == std::string_view::npos) {
      list.kind = HostGpuList::Kind::ids;
      const auto before = mistakes_.size();
      ids(begin, end, list.ids);
      if (list.ids.empty() && mistakes_.size() == before)
        mistake(first, "no GPU is named here: write ids, auto or none");
      return list;
    }
    list.kind = HostGpuList::Kind::groups;
    for (std::size_t at = begin; at <= end;) {
      const auto bar = std::min(text_.find('|', at), end);
      ids(at, bar, list.groups.emplace_back());
      at = bar + 1;
    }
    return list;
  }

  void ids(std::size_t begin, std::size_t end, std::vector<GpuId>& ids) {
    for (std::size_t at = begin; at < end;) {
      if (is_blank(text_[at]) || text_[at] == ',') {
        ++at;
        continue;
      }
      auto stop = at;
      while (stop < end && !is_blank(text_[stop]) && text_[stop] != ',') ++stop;
      entry(text_.substr(at, stop - at), at, ids);
      at = stop;
    }
  }

  void entry(std::string_view word, std::size_t offset, std::vector<GpuId>& ids) {
    if (word.size() > 4 && (word.starts_with("GPU-") || word.starts_with("MIG-"))) {
      ids.push_back({-1, std::string(word)});
      return;
    }
    if (word[0] == '-') return mistake(offset, fmt::format("'{}' is negative: positions count from 0", word));
    int first = 0, last = 0;
    auto rest = word;
    if (!take_number(rest, first)) return unknown(word, offset);
    last = first;
    if (rest.starts_with('-')) {
      rest.remove_prefix(1);
      if (!take_number(rest, last)) return unknown(word, offset);
      if (!rest.empty()) return mistake(offset, fmt::format("'{}' is no range: write FIRST-LAST", word));
      if (last < first) {
        return mistake(offset, fmt::format("'{}' runs downwards: write {}-{}, or the ids in the order you want", word,
                                           last, first));
      }
    }
    if (!rest.empty()) return unknown(word, offset);
    if (first == scipions_void && last == scipions_void) {
      return mistake(offset, "99 is no GPU here: for a slot without GPU leave its group empty, as in '0 | | 1'");
    }
    if (last - first >= most_entries || ids.size() >= most_entries)
      return mistake(offset, fmt::format("'{}' is more than {} GPUs", word, most_entries));
    // Counted by offset: the last id may be the greatest int, which no counter steps over.
    for (int i = 0; i <= last - first; ++i) ids.push_back({first + i, ""});
  }

  void unknown(std::string_view word, std::size_t offset) {
    mistake(offset, fmt::format("'{}' is no GPU: ids, ranges such as 0-3, GPU-… and MIG-… UUIDs can stand here; "
                                "auto and none stand alone",
                                word));
  }

  static bool take_number(std::string_view& text, int& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || text.starts_with('-')) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  }

  std::string_view text_;
  const std::string& file_;
  std::uint32_t line_;
  Diagnostics& mistakes_;
};

}  // namespace

bool same_host(std::string_view a, std::string_view b) {
  const auto small_a = lower(a), small_b = lower(b);
  if (small_a == small_b) return true;
  const auto dot_a = small_a.find('.'), dot_b = small_b.find('.');
  // Two full names must agree wholly.
  if (dot_a != std::string::npos && dot_b != std::string::npos) return false;
  return small_a.substr(0, dot_a) == small_b.substr(0, dot_b);
}

const HostGpuList* GpuList::for_host(std::string_view host) const {
  for (const auto& one : hosts) {
    if (same_host(one.host, host)) return &one.list;
  }
  return has_others ? &others : nullptr;
}

GpuList parse_gpu_list(std::string_view text, const std::string& file, std::uint32_t line, Diagnostics& mistakes) {
  return ListParser(text, file, line, mistakes).parse();
}

}  // namespace gradus
