#include "cli/look_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <string_view>

#include "cli/options.h"
#include "core/printable.h"
#include "node/tell.h"

namespace gradus::cli {
namespace {

namespace po = boost::program_options;

bool may_be_left_out(const LookOption& option) { return option.value != nullptr && *option.value == '['; }

std::string long_name(const LookOption& option) {
  return std::string(std::string_view(option.name).substr(0, std::string_view(option.name).find(',')));
}

/// `--attempt N`, as the help has it.
std::string form_of(const LookOption& option) {
  auto text = "--" + long_name(option);
  if (option.value != nullptr) text.append(" ").append(option.value);
  return text;
}

po::options_description description(const LookForm& form) {
  po::options_description known;
  for (const auto& option : form.options) {
    if (option.value == nullptr) {
      known.add_options()(option.name, "");
    } else if (may_be_left_out(option)) {
      known.add_options()(option.name, po::value<std::string>()->implicit_value(""), "");
    } else {
      known.add_options()(option.name, po::value<std::string>(), "");
    }
  }
  return known;
}

bool wants_help(const Words& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end, [](const auto& word) { return word == "--help" || word == "-h"; });
}

}  // namespace

std::string help_text(const LookForm& form) {
  std::size_t width = 0;
  for (const auto& option : form.options) width = std::max(width, form_of(option).size());
  auto text = std::string(form.before);
  if (!form.options.empty()) text += '\n';
  for (const auto& option : form.options) text += fmt::format("  {:<{}}  {}\n", form_of(option), width, option.help);
  if (*form.after != '\0') text.append("\n").append(form.after);
  return text;
}

LookWords::LookWords(const LookForm& form, const Words& words) : form_(form) {
  if (wants_help(words)) {
    tell(stdout, "{}", help_text(form));
    throw Leave{0};
  }
  const auto known = description(form);
  try {
    using style = po::command_line_style::style_t;
    // Not stored in a map of theirs: of what is given twice the last counts, as in most programs.
    const auto parsed =
        po::command_line_parser(words).options(known).style(style::unix_style & ~style::allow_guessing).run();
    Words operands;
    for (const auto& one : parsed.options) {
      refuse_empty(one.original_tokens, one.position_key >= 0 ? "a word" : "--" + one.string_key);
      if (one.position_key >= 0) {
        operands.insert(operands.end(), one.value.begin(), one.value.end());
      } else {
        given_[one.string_key] = one.value.empty() ? "" : one.value.front();
      }
    }
    take_operands(operands);
  } catch (const po::unknown_option& error) {
    refuse(fmt::format("gradus {} does not know '{}'", form.name, error.get_option_name()));
  } catch (const po::error& error) {
    refuse(error.what());
  }
}

/// What a script gives whose variable is not set would be taken for what was not given at all.
void LookWords::refuse_empty(const Words& tokens, const std::string& what) const {
  if (std::find(tokens.begin(), tokens.end(), "") == tokens.end()) return;
  refuse(what + " is empty (a shell variable that is not set?)");
}

void LookWords::take_operands(const Words& given) {
  const auto& names = form_.operands;
  if (!names.empty() && given.empty()) refuse(fmt::format("which {}?", names.front()));
  if (names.empty() && !given.empty()) refuse(fmt::format("gradus {} does not know '{}'", form_.name, given.front()));
  if (given.size() > names.size()) {
    const auto more = names.size();
    refuse(fmt::format("one {}, please: both '{}' and '{}' were given", names.back(), given[more - 1], given[more]));
  }
  for (std::size_t i = 0; i < given.size(); ++i) given_[names[i]] = given[i];
}

std::string LookWords::value(const std::string& name) const {
  const auto it = given_.find(name);
  return it == given_.end() ? std::string() : it->second;
}

void LookWords::refuse(const std::string& what) const {
  tell(stderr, "gradus: {}: see gradus {} --help\n", printable(what), form_.name);
  throw Leave{2};
}

}  // namespace gradus::cli
