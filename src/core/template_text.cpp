#include "core/template_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace gradus {
namespace {

constexpr std::string_view arrow = "# <--";

class Filler {
 public:
  explicit Filler(const TemplateValues& values) : values_(values) {}

  void take(std::string_view line) {
    if (line.starts_with("#SBATCH --")) return sbatch(line);
    if (line.starts_with("# module load") && !values_.modules.empty()) {
      for (const auto& module : values_.modules) add(fmt::format("module load {}", module));
      return;
    }
    if (line.starts_with("options=(") && !values_.options.empty()) return add("options=(" + joined_options() + ")");
    const auto equals = line.find('=');
    const auto it = values_.variables.find(std::string(line.substr(0, equals)));
    if (line.find(arrow) == std::string_view::npos || it == values_.variables.end()) return add(line);
    add(fmt::format("{}={}", it->first, shell_word(it->second)));
  }
  std::string text() && { return std::move(text_); }

 private:
  void add(std::string_view line) { text_.append(line).append(1, '\n'); }

  std::string joined_options() const {
    std::vector<std::string> words;
    for (const auto& option : values_.options) words.push_back(shell_word(option));
    return fmt::format("{}", fmt::join(words, " "));
  }

  void sbatch(std::string_view line) {
    constexpr std::size_t prefix = std::string_view("#SBATCH --").size();
    const auto name = std::string(line.substr(prefix, line.find('=') - prefix));
    const auto it = values_.sbatch.find(name);
    if (it == values_.sbatch.end()) {
      add(line);
    } else if (!it->second.empty()) {
      add(fmt::format("#SBATCH --{}={}", name, it->second));
    }
    if (name != "job-name") return;
    for (const auto& more : values_.more_sbatch) add("#SBATCH " + more);
  }

  const TemplateValues& values_;
  std::string text_;
};

bool matches(std::string_view value, const char* pattern) {
  return std::regex_match(value.begin(), value.end(), std::regex(pattern));
}

}  // namespace

std::string fill_template(std::string_view text, const TemplateValues& values) {
  Filler filler(values);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    filler.take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(filler).text();
}

std::string shell_word(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.,:/@+-=").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string check_sbatch_time(std::string_view value) {
  if (matches(value, R"(\d+(:\d{1,2}){0,2}|\d+-\d{1,2}(:\d{1,2}){0,2})")) return "";
  return fmt::format("'{}' is no time that sbatch knows: write 04:00:00, 1-12 (days-hours) or 90 (minutes)", value);
}

std::string check_count(std::string_view value) {
  if (matches(value, R"([1-9]\d{0,5})")) return "";
  return fmt::format("'{}' is not a whole number from 1 to 999999", value);
}

std::string check_name(std::string_view value) {
  if (matches(value, R"([A-Za-z0-9_][A-Za-z0-9_.,:/@+=-]*)")) return "";
  return fmt::format("'{}' is no name: letters, digits and _.,:/@+=- only", value);
}

std::string check_sbatch_option(std::string_view value) {
  if (matches(value, R"(--[a-z][a-z-]*(=[A-Za-z0-9_.,:;/@+=%*&|\[\]()-]+)?)")) return "";
  return fmt::format("'{}' is no option of sbatch: write it as --name or --name=value, without blanks", value);
}

std::string check_line(std::string_view value) {
  const bool good =
      !value.empty() && std::none_of(value.begin(), value.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
  return good ? "" : "it is empty or holds a line break or another control character";
}

}  // namespace gradus
