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
  known.add_options()("help,h", "")("operands", po::value<std::vector<std::string>>());
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
  const auto known = description(form);
  po::positional_options_description operands;
  operands.add("operands", -1);
  po::variables_map map;
  try {
    using style = po::command_line_style::style_t;
    po::store(po::command_line_parser(words)
                  .options(known)
                  .positional(operands)
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              map);
  } catch (const po::unknown_option& error) {
    refuse(fmt::format("gradus {} does not know '{}'", form.name, error.get_option_name()));
  } catch (const po::error& error) {
    refuse(error.what());
  }
  if (map.contains("help")) {
    tell(stdout, "{}", help_text(form));
    throw Leave{0};
  }
  for (const auto& option : form.options) {
    const auto name = long_name(option);
    if (map.contains(name)) given_[name] = option.value == nullptr ? "" : map[name].as<std::string>();
  }
  const auto given = map.contains("operands") ? map["operands"].as<std::vector<std::string>>() : Words();
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (i < form.operands.size()) {
      given_[form.operands[i]] = given[i];
    } else if (form.operands.empty()) {
      refuse(fmt::format("gradus {} does not know '{}'", form.name, given[i]));
    } else {
      refuse(
          fmt::format("one {}, please: both '{}' and '{}' were given", form.operands.back(), given[i - 1], given[i]));
    }
  }
  if (!form.operands.empty() && given.empty()) refuse(fmt::format("which {}?", form.operands.front()));
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
