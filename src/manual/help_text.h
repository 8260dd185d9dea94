// The text that `gradus SUBCOMMAND --help` prints, taken apart again: the one source of manual pages and completion.
//
// Knows: the form of such texts: usage, paragraphs, headings, items with their descriptions.
// Unaware of: which subcommands and options there are, roff, bash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus::manual {

/// `--gpus LIST` and what it does; in usage: a form and a remark on it.
struct Item {
  std::string tag;
  std::string text;
  bool is_option() const { return tag.starts_with("-"); }
};

/// One of the three is filled.
struct Block {
  std::string heading;
  std::string paragraph;
  std::vector<Item> items;
};

struct HelpText {
  std::vector<Item> usage;
  std::vector<Block> blocks;
};

HelpText read_help(std::string_view text);

/// What an option is called and takes.
struct OptionForm {
  std::vector<std::string> names;    ///< `--out`, `-f`
  std::string value;                 ///< the placeholder; empty: a switch
  std::vector<std::string> choices;  ///< of a placeholder such as `cores|none`, those that are words to be typed
};
OptionForm read_option(const std::string& tag);

}  // namespace gradus::manual
