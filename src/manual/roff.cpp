#include "manual/roff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace gradus::manual {
namespace {

/// The code point at the beginning of well-formed UTF-8, and its bytes.
std::pair<char32_t, std::size_t> character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t code = size == 1 ? first : first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) code = (code << 6U) | (byte(i) & 0x3fU);
  return {code, std::min(size, text.size())};
}

std::string escaped_character(char32_t code) {
  switch (code) {
    case '\\': return "\\e";
    case '-': return "\\-";
    case '\'': return "\\(aq";
    case '`': return "\\(ga";
    case '^': return "\\(ha";
    case '~': return "\\(ti";
    default:
      return code < 0x80 ? std::string(1, static_cast<char>(code))
                         : fmt::format("\\[u{:04X}]", static_cast<unsigned>(code));
  }
}

/// A line of text must not begin as a request does.
std::string as_line(const std::string& roff) { return roff.starts_with(".") ? "\\&" + roff + "\n" : roff + "\n"; }

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }

/// What is typed in bold, what stands for something in italics.
std::string form(std::string_view tag) {
  std::string roff;
  while (!tag.empty()) {
    const auto end = std::min(tag.find(' '), tag.size());
    const auto word = tag.substr(0, end);
    const bool is_placeholder =
        std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isupper(c); }) &&
        !word.starts_with("-");
    if (!word.empty()) {
      if (!roff.empty()) roff += ' ';
      roff += is_placeholder ? "\\fI" + escaped(word) + "\\fR" : bold(word);
    }
    tag.remove_prefix(std::min(end + 1, tag.size()));
  }
  return roff;
}

std::string head(const Page& page) {
  return fmt::format(".TH {} {} {} \"gradus {}\" \"Gradus\"\n.SH NAME\n{} \\- {}\n", upper(page.name), page.section,
                     page.date, page.version, escaped(page.name), escaped(page.summary));
}

std::string foot(const Page& page) {
  if (page.see_also.empty()) return "";
  std::string roff = ".SH SEE ALSO\n";
  for (const auto& other : page.see_also) {
    const auto bracket = other.find('(');
    roff += fmt::format(".BR {} {}{}\n", escaped(other.substr(0, bracket)), other.substr(bracket),
                        &other == &page.see_also.back() ? "" : " ,");
  }
  return roff;
}

/// A new paragraph; behind a heading there is one already.
void begin_paragraph(std::string& roff) {
  const auto line = roff.rfind('\n', roff.size() - 2) + 1;
  if (roff.compare(line, 3, ".SH") != 0 && roff.compare(line, 3, ".SS") != 0) roff += ".PP\n";
}

std::string set_items(const std::vector<Item>& items) {
  std::string roff;
  for (const auto& item : items) {
    roff += ".TP\n" + as_line(form(item.tag)) + as_line(item.text.empty() ? "\\&" : escaped(item.text));
  }
  return roff;
}

/// Sets the blocks of a help text: options in one section, what follows them in another.
class HelpSetter {
 public:
  void take(const Block& block) {
    if (!block.heading.empty()) heading_ = block.heading;
    if (!block.items.empty()) take_items(block.items);
    if (block.paragraph.empty()) return;
    if (section_ != "DESCRIPTION") enter("NOTES");
    begin_paragraph(roff);
    roff += as_line(escaped(block.paragraph));
  }
  std::string roff = ".SH DESCRIPTION\n";

 private:
  void enter(const std::string& section) {
    if (section == section_) return;
    section_ = section;
    roff += fmt::format(".SH {}\n", escaped(section));
  }
  void take_items(const std::vector<Item>& items) {
    if (!items.front().is_option()) {
      if (!heading_.empty()) enter(upper(heading_));
    } else {
      enter("OPTIONS");
      if (!heading_.empty()) roff += fmt::format(".SS {}\n", escaped(heading_));
    }
    heading_.clear();
    roff += set_items(items);
  }

  std::string section_ = "DESCRIPTION", heading_;
};

/// The length of the `*word*` at the beginning; 0 where the star is only a star, as in `a * b`.
std::size_t emphasis(std::string_view text) {
  if (text.size() < 3 || text[0] != '*' || text[1] == ' ' || text[1] == '*') return 0;
  const auto end = text.find('*', 1);
  return end == std::string_view::npos || text[end - 1] == ' ' ? 0 : end + 1;
}

/// `code`, **bold**, *emphasis* and [text](link) within a line.
std::string inline_markdown(std::string_view text) {
  std::string roff;
  while (!text.empty()) {
    const auto take_between = [&](std::string_view mark) {
      const auto end = text.find(mark, mark.size());
      if (!text.starts_with(mark) || end == std::string_view::npos) return false;
      roff += bold(text.substr(mark.size(), end - mark.size()));
      text.remove_prefix(end + mark.size());
      return true;
    };
    if (take_between("``") || take_between("`") || take_between("**")) continue;
    if (const auto size = emphasis(text); size > 0) {
      roff += "\\fI" + escaped(text.substr(1, size - 2)) + "\\fR";
      text.remove_prefix(size);
      continue;
    }
    const auto middle = text.find("](");
    if (text.front() == '[' && middle != std::string_view::npos && text.find(')', middle) != std::string_view::npos) {
      roff += escaped(text.substr(1, middle - 1));
      text.remove_prefix(text.find(')', middle) + 1);
      continue;
    }
    const auto size = text.starts_with("\\|") ? 2 : character(text).second;
    roff += size == 2 && text.front() == '\\' ? "|" : escaped(text.substr(0, size));
    text.remove_prefix(size);
  }
  return roff;
}

/// The cells of `| a | b |`; `\|` is no border.
std::vector<std::string> cells(std::string_view row) {
  std::vector<std::string> all;
  std::string cell;
  bool in_code = false;
  for (std::size_t i = 1; i < row.size(); ++i) {
    if (row[i] == '`') in_code = !in_code;
    if (row[i] == '\\' && i + 1 < row.size() && row[i + 1] == '|') {
      cell += '|', ++i;
    } else if (row[i] == '|') {
      const auto begin = std::min(cell.find_first_not_of(' '), cell.size());
      all.push_back(cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin));
      cell.clear();
    } else {
      cell += row[i];
    }
  }
  return all;
}

/// Sets Markdown line by line; what is open is closed by what comes next.
class MarkdownSetter {
 public:
  explicit MarkdownSetter(Page& page) : page_(page) {}

  void take_all(std::string_view text) {
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      take(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    close();
  }
  std::string roff;

 private:
  void take(std::string_view line) {
    if (line.starts_with("```")) return toggle_code();
    if (in_code_) {
      roff += as_line(escaped(line));
    } else if (line.empty()) {
      close();
    } else if (line.starts_with("#")) {
      close(), take_heading(line);
    } else if (line.starts_with("|")) {
      take_row(line);
    } else if (line.starts_with("- ")) {
      close(), roff += ".IP \\(bu 2\n", words_ = line.substr(2);
    } else {
      take_words(line);
    }
  }
  /// Set as a whole: what is between two marks may stand on two lines.
  void close() {
    if (!words_.empty()) roff += as_line(inline_markdown(words_));
    words_.clear();
    rows_ = 0;
  }
  void toggle_code() {
    close();
    in_code_ = !in_code_;
    if (in_code_) begin_paragraph(roff);
    roff += in_code_ ? ".RS 4\n.nf\n" : ".fi\n.RE\n";
  }
  void take_heading(std::string_view line) {
    const auto level = line.find_first_not_of('#');
    const auto text = line.substr(std::min(level + 1, line.size()));
    if (level > 1) {
      roff += fmt::format(".{} {}\n", level == 2 ? "SH" : "SS",
                          inline_markdown(level == 2 ? upper(std::string(text)) : std::string(text)));
      return;
    }
    const auto colon = std::min(text.find(": "), text.size());
    page_.name = text.substr(0, colon);
    page_.summary = text.substr(std::min(colon + 2, text.size()));
  }
  /// The first column is what the others tell about. The heads are left out: the text before says what it is.
  void take_row(std::string_view line) {
    if (!words_.empty()) close();
    if (++rows_ <= 2) return;
    const auto row = cells(line);
    std::string text;
    for (std::size_t i = 1; i < row.size(); ++i) text += (text.empty() ? "" : "; ") + inline_markdown(row[i]);
    roff += ".TP\n" + as_line(row.empty() ? "" : inline_markdown(row[0])) + as_line(text);
  }
  void take_words(std::string_view line) {
    const auto begin = line.find_first_not_of(' ');
    if (words_.empty()) {
      begin_paragraph(roff);
    } else {
      words_ += ' ';
    }
    words_ += line.substr(begin);
  }

  Page& page_;
  bool in_code_ = false;
  std::string words_;  // of the paragraph or list item that is open
  int rows_ = 0;
};

}  // namespace

std::string escaped(std::string_view text) {
  std::string roff;
  while (!text.empty()) {
    const auto [code, size] = character(text);
    roff += escaped_character(code);
    text.remove_prefix(size);
  }
  return roff;
}

std::string page_of_help(const Page& page, const HelpText& help, std::string_view details) {
  auto roff = head(page) + ".SH SYNOPSIS\n";
  for (const auto& usage : help.usage) {
    if (&usage != &help.usage.front()) roff += ".br\n";
    roff += as_line(form(usage.tag) + (usage.text.empty() ? "" : "  " + escaped(usage.text)));
  }
  HelpSetter setter;
  for (const auto& block : help.blocks) setter.take(block);
  roff += setter.roff;
  if (!details.empty()) {
    Page unused = page;
    MarkdownSetter more(unused);
    more.roff = ".SH IN DETAIL\n";
    more.take_all(details);
    roff += more.roff;
  }
  return roff + foot(page);
}

std::string page_of_markdown(Page page, std::string_view text) {
  MarkdownSetter setter(page);
  setter.take_all(text);
  return head(page) + setter.roff + foot(page);
}

}  // namespace gradus::manual
