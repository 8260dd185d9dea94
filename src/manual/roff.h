// Manual pages in man(7).
//
// Knows: roff's escapes and macros, and how help texts and Markdown are set with them.
// Unaware of: where the texts come from and where the pages go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manual/help_text.h"

namespace gradus::manual {

struct Page {
  std::string name;  ///< `gradus-run`
  int section = 1;
  std::string version;                  ///< of the program
  std::string date;                     ///< `2026-11-27`
  std::string summary;                  ///< one line, without a full stop
  std::vector<std::string> see_also{};  ///< `gradus-steps(5)`
};

/// Text as roff shows it unchanged.
std::string escaped(std::string_view text);

/// `details`: Markdown (see below) that is set behind the help text; its first heading is left out.
std::string page_of_help(const Page& page, const HelpText& help, std::string_view details = "");

/// A subset of Markdown: headings, paragraphs, `-` lists, tables, fenced code, `code`, **bold**, *emphasis*,
/// [links](…). Its first heading is `# NAME: summary`, which fills the page's own.
std::string page_of_markdown(Page page, std::string_view text);

}  // namespace gradus::manual
