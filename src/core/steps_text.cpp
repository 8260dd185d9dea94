// Plain text: one command a line, `#` comments, `#GRADUS` lines.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/steps_reader.h"

namespace gradus {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

struct Word {
  std::string text;
  std::uint32_t column;
};

/// Words as a shell would split them: blanks, '…', "…" and backslashes. nullopt: a quote is not closed.
std::optional<std::vector<Word>> split_words(std::string_view line, std::uint32_t column) {
  std::vector<Word> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && blanks.find(c) != std::string_view::npos) {
      in_word = false;
      continue;
    }
    if (!in_word) words.push_back({"", column + static_cast<std::uint32_t>(i)});
    in_word = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      words.back().text += line[++i];
    } else {
      words.back().text += c;
    }
  }
  if (quote != 0) return std::nullopt;
  return words;
}

/// The options of a `#GRADUS` line and what each is called in JSON.
struct LineOption {
  const char* name;
  const char* key;
};
constexpr LineOption line_options[] = {{"--gpus-per-step", "gpus"},
                                       {"--cpus-per-step", "cpus"},
                                       {"--nodes-per-step", "nodes"},
                                       {"--timeout", "timeout"},
                                       {"--retries", "retries"},
                                       {"--priority", "priority"},
                                       {"--cost", "cost"},
                                       {"--cwd", "cwd"},
                                       {"--needs", "needs"},
                                       {"--env", "env"},
                                       {"--creates", "creates"},
                                       {"--id", "id"}};

class TextReader {
 public:
  TextReader(StepsReader& reader, std::string_view text, bool (*is_run_option)(std::string_view))
      : reader_(reader), text_(text), is_run_option_(is_run_option) {}

  void read() {
    if (const auto nul = text_.find('\0'); nul != std::string_view::npos) return refuse(nul);
    while (at_ < text_.size()) {
      const auto line = next_line();
      const auto content = trim(line);
      if (content.empty()) continue;
      const Place place{line_, static_cast<std::uint32_t>(content.data() - line.data()) + 1};
      if (content[0] == '#') {
        comment(content, place.column);
      } else {
        command(content, place);
      }
    }
    if (!id_.empty()) unused_id();
  }

 private:
  std::string_view next_line() {
    const auto end = text_.find('\n', at_);
    const auto line = text_.substr(at_, end == std::string_view::npos ? end : end - at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    ++line_;
    return line;
  }

  static bool continues(std::string_view content) {
    // An even number of backslashes is that many quoted ones.
    const auto last = content.find_last_not_of('\\');
    const auto count = content.size() - (last == std::string_view::npos ? 0 : last + 1);
    return count % 2 == 1;
  }

  /// One mistake, whatever else is in it: nothing in a binary file means anything.
  void refuse(std::size_t nul) {
    const auto before = text_.substr(0, nul);
    const auto line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    const auto column = static_cast<std::uint32_t>(nul - (before.rfind('\n') + 1)) + 1;
    reader_.mistake({line, column}, "a NUL byte: this is no text file");
    reader_.cut_off();
  }

  /// A stretch of a joined command and where it stands in the file.
  struct Stretch {
    std::size_t begin;
    Place place;
  };

  void command(std::string_view content, Place place) {
    stretches_.assign(1, {0, place});
    if (!continues(content)) return add(content, place);
    // Joined as by sh: backslash and newline vanish.
    std::string joined(content.substr(0, content.size() - 1));
    bool more = true;
    while (more && at_ < text_.size()) {
      auto line = next_line();
      while (!line.empty() && blanks.find(line.back()) != std::string_view::npos) line.remove_suffix(1);
      more = continues(line);
      if (trim(line).starts_with("#GRADUS")) {
        reader_.mistake({line_, 1},
                        "the line before ends in a backslash, which makes this one a part of its command: take the "
                        "backslash away (or put a blank line between)");
      }
      stretches_.push_back({joined.size(), {line_, 1}});
      joined += line.substr(0, line.size() - (more ? 1 : 0));
    }
    const auto trimmed = trim(joined);
    if (trimmed.empty()) return;
    for (auto& stretch : stretches_) {  // what trim() took from the front
      const auto front = static_cast<std::size_t>(trimmed.data() - joined.data());
      const auto taken = std::min(front, stretch.begin);
      stretch.begin -= taken;
      stretch.place.column += static_cast<std::uint32_t>(front - taken);
    }
    add(reader_.builder().store(trimmed), place);
  }

  Place place_in_command(std::size_t offset) const {
    const auto behind = std::find_if(stretches_.begin() + 1, stretches_.end(),
                                     [&](const Stretch& stretch) { return stretch.begin > offset; });
    const auto& stretch = *(behind - 1);
    return {stretch.place.line, stretch.place.column + static_cast<std::uint32_t>(offset - stretch.begin)};
  }

  void add(std::string_view command, Place place) {
    auto& builder = reader_.builder();
    if (creates_stored_ != draft_.creates) {
      creates_stored_ = draft_.creates;
      creates_ = builder.store(creates_stored_);
    }
    Step step;
    step.id = builder.store(id_);
    step.command = command;
    step.creates = creates_;
    step.has_gpu_mark =
        reader_.check_marks(command, [this](const UnknownMark& mark) { return place_in_command(mark.offset); }) ||
        options_have_gpu_mark_;
    const auto index = reader_.add(draft_, step, place);
    id_.clear();
    for (const auto needed : needs_) builder.need(index, needed, needs_place_.line, needs_place_.column);
    seen_command_ = true;
  }

  void comment(std::string_view content, std::uint32_t column) {
    constexpr std::string_view keyword = "#GRADUS";
    const auto rest = content.substr(std::min(content.size(), keyword.size()));
    if (content.starts_with(keyword) && (rest.empty() || blanks.find(rest[0]) != std::string_view::npos)) {
      return directive(rest, column + static_cast<std::uint32_t>(keyword.size()));
    }
    std::string bare;
    for (const char c : content.substr(1)) {
      if (c != ' ' && c != '\t') bare += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    if (bare == "GRADUS" || bare.starts_with("GRADUS-") || bare.starts_with("GRADUS:") ||
        bare.starts_with("GRADUSBARRIER") || bare.starts_with("GRADUSDEFAULT")) {
      reader_.result().warnings.push_back(
          {reader_.file(), line_, column, "taken as a comment: a line for Gradus begins with exactly '#GRADUS '"});
    }
  }

  void directive(std::string_view rest, std::uint32_t column) {
    auto words = split_words(rest, column);
    if (!words) return reader_.mistake({line_, column}, "a quote is not closed");
    if (words->empty()) return reader_.mistake({line_, column}, "nothing stands behind #GRADUS");
    const auto& first = words->front().text;
    const bool is_default = first == "default";
    const bool is_barrier = first == "barrier" || first == "barrier=succeeded" || first == "barrier=ended";
    if (!is_default && !is_barrier) return options(*words);
    if (words->size() > 1) {
      reader_.mistake({line_, (*words)[1].column}, fmt::format("'{}' stands alone on its #GRADUS line", first));
    }
    if (is_default) return set_default();
    reader_.builder().barrier(first == "barrier=ended" ? BarrierKind::ended : BarrierKind::succeeded);
  }

  void set_default() {
    draft_ = {};
    needs_.clear();
    options_have_gpu_mark_ = false;
  }

  /// Several --env, --creates or --needs on one line belong together; a later line replaces them.
  struct FirstOfLine {
    bool env = true, creates = true, needs = true;
  };

  void options(const std::vector<Word>& words) {
    FirstOfLine is_first;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto equals = words[i].text.starts_with("--") ? words[i].text.find('=') : std::string::npos;
      const auto name = words[i].text.substr(0, equals);
      const auto column = words[i].column;
      if (is_run_option_ != nullptr && is_run_option_(name)) {
        i = run_option(words, i);
        continue;
      }
      const auto* option = std::find_if(std::begin(line_options), std::end(line_options),
                                        [&](const LineOption& one) { return name == one.name; });
      if (option == std::end(line_options)) {
        unknown(name, column);
        // Its value, if it has one, is no option of its own.
        if (equals == std::string::npos && i + 1 < words.size() && !words[i + 1].text.starts_with("--")) ++i;
        continue;
      }
      if (equals == std::string::npos && i + 1 == words.size()) {
        reader_.mistake({line_, column}, fmt::format("{} has no value", name));
        continue;
      }
      const auto value = equals != std::string::npos ? words[i].text.substr(equals + 1) : words[++i].text;
      set(option->key, value, column, is_first);
    }
    options_have_gpu_mark_ = has_gpu_mark(draft_.options.cwd);
    for (const auto& [name, value] : draft_.options.env) options_have_gpu_mark_ |= has_gpu_mark(value);
  }

  std::size_t run_option(const std::vector<Word>& words, std::size_t i) {
    RunOptionLine line{line_, {words[i].text}};
    const bool has_value =
        words[i].text.find('=') == std::string::npos && i + 1 < words.size() && !words[i + 1].text.starts_with("--");
    if (has_value) line.words.push_back(words[++i].text);
    if (seen_command_) {
      reader_.mistake(
          {line_, words[i].column},
          fmt::format("{} is an option of the whole run: it must stand before the first command", line.words[0]));
    } else {
      reader_.result().run_options.push_back(std::move(line));
    }
    return i;
  }

  void unknown(const std::string& name, std::uint32_t column) {
    std::vector<std::string> names{"default", "barrier", "barrier=ended"};
    for (const auto& option : line_options) names.emplace_back(option.name);
    const auto nearest = nearest_word(name, names);
    reader_.mistake({line_, column}, fmt::format("#GRADUS does not know '{}'{}", name,
                                                 nearest.empty() ? "" : fmt::format(": did you mean {}?", nearest)));
  }

  void set(std::string_view key, const std::string& value, std::uint32_t column, FirstOfLine& is_first) {
    const Place place{line_, column};
    std::string wrong;
    if (key == "needs") {
      if (std::exchange(is_first.needs, false)) needs_.clear();
      set_needs(value, place);
    } else if (key == "env") {
      if (std::exchange(is_first.env, false)) draft_.options.env.clear();
      wrong = set_env(value, place);
    } else if (key == "creates") {
      if (std::exchange(is_first.creates, false)) draft_.creates.clear();
      if (value.empty()) wrong = "an empty path";
      draft_.creates.append(value).append(1, '\0');
    } else if (key == "id") {
      if (!id_.empty()) unused_id();
      if (value.empty()) wrong = "an empty id";
      id_ = value;
      id_place_ = place;
    } else {
      wrong = set_scalar_option(draft_, key, value);
      if (key == "cwd") reader_.check_marks(value, [&](const UnknownMark&) { return place; });
    }
    if (!wrong.empty()) reader_.mistake(place, fmt::format("{}: {}", key, wrong));
  }

  /// Marks are checked here and not at every step that has the variable.
  std::string set_env(const std::string& value, Place place) {
    const auto equals = value.find('=');
    if (equals == std::string::npos) return "write NAME=VALUE";
    const auto name = value.substr(0, equals);
    if (auto wrong = check_variable_name(name); !wrong.empty()) return wrong;
    auto& env = draft_.options.env;
    std::erase_if(env, [&](const auto& one) { return one.first == name; });
    env.emplace_back(name, value.substr(equals + 1));
    reader_.check_marks(env.back().second, [&](const UnknownMark&) { return place; });
    return "";
  }

  void unused_id() { reader_.mistake(id_place_, fmt::format("no command follows the id '{}'", id_)); }

  void set_needs(const std::string& value, Place place) {
    needs_place_ = place;
    auto list = reader_.builder().store(value);
    while (!list.empty()) {
      const auto end = list.find(',');
      if (const auto one = trim(list.substr(0, end)); !one.empty()) needs_.push_back(one);
      list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    }
  }

  StepsReader& reader_;
  std::string_view text_;
  bool (*is_run_option_)(std::string_view);
  std::size_t at_ = 0;
  std::uint32_t line_ = 0;
  bool seen_command_ = false;
  StepDraft draft_;
  bool options_have_gpu_mark_ = false;  // in env or cwd
  std::string id_;
  Place id_place_;
  std::string creates_stored_;
  std::string_view creates_;
  std::vector<std::string_view> needs_;
  Place needs_place_;
  std::vector<Stretch> stretches_;  // of the command at hand
};

}  // namespace

void read_text_steps(StepsReader& reader, std::string_view text, bool (*is_run_option)(std::string_view word)) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  TextReader(reader, text, is_run_option).read();
}

}  // namespace gradus
