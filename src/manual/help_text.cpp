#include "manual/help_text.h"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace gradus::manual {
namespace {

constexpr std::string_view usage_word = "Usage: ";
constexpr std::size_t item_indent = 2;

std::string trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

std::size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

/// Where what is said about a form begins: behind two blanks or more; 0 when nothing is said.
std::size_t text_column(std::string_view line) {
  const auto gap = line.find("  ", indent_of(line));
  return gap == std::string_view::npos ? 0 : gap + indent_of(line.substr(gap));
}

Item split_at(std::string_view line, std::size_t column) {
  if (column == 0) return {trimmed(line), ""};
  return {trimmed(line.substr(0, column)), trimmed(line.substr(column))};
}

void append_words(std::string& to, std::string_view line) {
  if (!to.empty()) to += ' ';
  to += trimmed(line);
}

/// Puts lines where they belong; what a line is depends on its indent and on the one before it.
class Reader {
 public:
  void take(std::string_view line) {
    if (trimmed(line).empty()) {
      in_usage_ = false;
      open_ = nullptr;
      return;
    }
    if (line.starts_with(usage_word)) in_usage_ = true;
    if (in_usage_) return take_usage(line);
    const auto indent = indent_of(line);
    if (indent == 0) return take_text(line);
    auto* items = open_ != nullptr && !open_->items.empty() ? &open_->items : nullptr;
    if (indent > item_indent && items != nullptr) return append_words(items->back().text, line);
    if (items == nullptr) open_ = &help.blocks.emplace_back();
    open_->items.push_back(split_at(line, column_of(line, items == nullptr)));
  }

  HelpText help;

 private:
  void take_usage(std::string_view line) {
    if (line.starts_with(usage_word)) line.remove_prefix(usage_word.size());
    help.usage.push_back(split_at(line, text_column(line)));
  }
  /// A form that is as long as the column allows is followed by one blank: the column is that of the items before.
  /// Not so with options, where one blank parts name and value.
  std::size_t column_of(std::string_view line, bool is_first) {
    const auto own = text_column(line);
    if (own != 0 || is_first) return column_ = own;
    if (trimmed(line).starts_with("-")) return 0;
    return column_ > 0 && column_ < line.size() && line[column_ - 1] == ' ' && line[column_] != ' ' ? column_ : 0;
  }
  void take_text(std::string_view line) {
    if (line.ends_with(":") && line.size() < 40) {
      help.blocks.emplace_back().heading = line.substr(0, line.size() - 1);
      open_ = nullptr;
    } else if (open_ != nullptr && open_->items.empty()) {
      append_words(open_->paragraph, line);
    } else {
      open_ = &help.blocks.emplace_back();
      open_->paragraph = trimmed(line);
    }
  }

  bool in_usage_ = false;
  std::size_t column_ = 0;  // of what is said about the latest item; 0: not known
  Block* open_ = nullptr;   // what the next line may go on with
};

bool is_typed(const std::string& word) {
  return !word.empty() && std::none_of(word.begin(), word.end(), [](unsigned char c) { return std::isupper(c) != 0; });
}

}  // namespace

HelpText read_help(std::string_view text) {
  Reader reader;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    reader.take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(reader.help);
}

OptionForm read_option(const std::string& tag) {
  OptionForm form;
  std::istringstream words(tag);
  for (std::string word; words >> word;) {
    if (word.starts_with("[") || word == "]") continue;  // Boost's `-h [ --help ]`; a value that need not be there
    if (word.ends_with(",")) word.pop_back();
    (word.starts_with("-") ? form.names.emplace_back() : form.value) = word;
  }
  if (form.value.find('|') == std::string::npos) return form;
  std::istringstream choices(form.value);
  for (std::string word; std::getline(choices, word, '|');) {
    if (is_typed(word)) form.choices.push_back(word);
  }
  return form;
}

}  // namespace gradus::manual
