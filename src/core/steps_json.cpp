// JSON Lines and JSON arrays, read by simdjson's on-demand interface: it keeps the place of every key.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/steps_reader.h"

namespace gradus {
namespace {

namespace od = simdjson::ondemand;

constexpr std::array<std::string_view, 13> known_keys{"id",   "command", "argv",    "needs",    "gpus",
                                                      "cpus", "timeout", "retries", "priority", "cost",
                                                      "env",  "cwd",     "creates"};

struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// Lines and columns of ascending offsets, each byte looked at once.
class Places {
 public:
  Places(const char* begin, std::uint32_t first_line) : line_start_(begin), at_(begin), line_(first_line) {}
  Place of(const char* where) {
    while (at_ < where) {
      const void* newline = std::memchr(at_, '\n', static_cast<std::size_t>(where - at_));
      if (newline == nullptr) break;
      at_ = static_cast<const char*>(newline) + 1;
      line_start_ = at_;
      ++line_;
    }
    at_ = std::max(at_, where);
    const auto column = where >= line_start_ ? where - line_start_ + 1 : 0;
    return {line_, static_cast<std::uint32_t>(column)};
  }

 private:
  const char* line_start_;
  const char* at_;
  std::uint32_t line_;
};

/// One step: an object and what was found in it.
class JsonStep {
 public:
  JsonStep(StepsReader& reader, Places& places) : reader_(reader), places_(places) {}

  void read(od::object object, Place start) {
    for (auto field : object) {
      // The raw key points behind its opening quote.
      const auto place = places_.of(field.key().value().raw() - 1);
      const std::string key(std::string_view(field.unescaped_key()));
      od::value value = field.value();
      take(key, value, place);
    }
    finish(start);
  }

 private:
  struct Need {
    std::string_view name;
    Place place;
  };

  void wrong(Place place, std::string_view key, std::string_view expected) {
    reader_.mistake(place.line, place.column, fmt::format("\"{}\" takes {}", key, expected));
    broken_ = true;
  }

  void take(const std::string& key, od::value& value, Place place) {
    const auto* known = std::find(known_keys.begin(), known_keys.end(), key);
    if (known == known_keys.end()) return unknown(key, place);
    const auto bit = 1U << (known - known_keys.begin());
    if ((seen_ & bit) != 0) {
      reader_.mistake(place.line, place.column, fmt::format("\"{}\" stands twice in this step", key));
      return;
    }
    seen_ |= bit;
    if (key == "id") return take_id(value, place);
    if (key == "command") return take_command(value, place);
    if (key == "argv") return take_argv(value, place);
    if (key == "needs") return take_needs(value, place);
    if (key == "env") return take_env(value, place);
    if (key == "creates") return take_creates(value, place);
    take_scalar(key, value, place);
  }

  void unknown(const std::string& key, Place place) {
    const auto nearest = nearest_word(key, {known_keys.begin(), known_keys.end()});
    reader_.mistake(place.line, place.column,
                    fmt::format("unknown key \"{}\"{}", key,
                                nearest.empty() ? "" : fmt::format(": did you mean \"{}\"?", nearest)));
  }

  static bool is(od::value& value, od::json_type type) { return value.type() == type; }

  void take_id(od::value& value, Place place) {
    if (is(value, od::json_type::number)) {
      id_ = reader_.builder().store(token(value));
    } else if (is(value, od::json_type::string)) {
      id_ = reader_.builder().store(std::string_view(value.get_string()));
    } else {
      return wrong(place, "id", "a text");
    }
    if (id_.empty()) wrong(place, "id", "a text that is not empty");
  }

  void take_command(od::value& value, Place place) {
    if (!is(value, od::json_type::string)) return wrong(place, "command", "a text (for a list of words use \"argv\")");
    const std::string_view text = value.get_string();
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
      return wrong(place, "command", "a text that is not blank");
    if (text.find('\0') != std::string_view::npos) return wrong(place, "command", "a text without NUL");
    command_ = reader_.builder().store(text);
    has_command_ = true;
    command_place_ = place;
  }

  /// Texts of a list, each followed by NUL; false when something else stands in it.
  bool take_list(od::value& value, std::string& list) {
    for (auto one : value.get_array()) {
      od::value element = one.value();
      if (!is(element, od::json_type::string)) return false;
      const std::string_view text = element.get_string();
      if (text.find('\0') != std::string_view::npos) return false;
      list.append(text).append(1, '\0');
    }
    return true;
  }

  void take_argv(od::value& value, Place place) {
    std::string list;
    if (!is(value, od::json_type::array) || !take_list(value, list) || list.empty() || list[0] == '\0') {
      return wrong(place, "argv", "a list of texts, the program first");
    }
    command_ = reader_.builder().store(list);
    has_argv_ = true;
    command_place_ = place;
  }

  void take_creates(od::value& value, Place place) {
    std::string list;
    if (is(value, od::json_type::string)) {
      list.append(std::string_view(value.get_string())).append(1, '\0');
    } else if (!is(value, od::json_type::array) || !take_list(value, list)) {
      return wrong(place, "creates", "a path or a list of paths");
    }
    if (list[0] == '\0' || list.find(std::string_view("\0\0", 2)) != std::string::npos) {
      return wrong(place, "creates", "paths that are not empty");
    }
    creates_ = reader_.builder().store(list);
  }

  void take_needs(od::value& value, Place place) {
    if (!is(value, od::json_type::array)) return wrong(place, "needs", "a list of ids");
    for (auto one : value.get_array()) {
      od::value element = one.value();
      std::string_view name;
      if (is(element, od::json_type::number)) {
        name = token(element);
      } else if (is(element, od::json_type::string)) {
        name = element.get_string();
      } else {
        return wrong(place, "needs", "a list of ids");
      }
      needs_.push_back({reader_.builder().store(name), place});
    }
  }

  void take_env(od::value& value, Place place) {
    if (!is(value, od::json_type::object)) return wrong(place, "env", "an object of NAME: \"value\"");
    for (auto field : value.get_object()) {
      const std::string name(std::string_view(field.unescaped_key()));
      od::value content = field.value();
      std::string text;
      if (is(content, od::json_type::string)) {
        text = std::string_view(content.get_string());
      } else if (is(content, od::json_type::number)) {
        text = token(content);
      } else {
        return wrong(place, "env", "texts as values");
      }
      if (const auto bad = check_variable_name(name); !bad.empty())
        return wrong(place, "env", "names of variables: " + bad);
      draft_.options.env.emplace_back(name, text);
    }
  }

  void take_scalar(const std::string& key, od::value& value, Place place) {
    const bool is_text = is(value, od::json_type::string), is_number = is(value, od::json_type::number);
    const bool may_be_text = key == "cwd" || key == "timeout" || key == "cost";
    if (key == "cwd" ? !is_text : !is_number && !(is_text && may_be_text)) {
      return wrong(place, key,
                   key == "cwd"  ? "a path"
                   : may_be_text ? "seconds or a duration such as \"30m\""
                                 : "a whole number");
    }
    const std::string text(is_text ? std::string_view(value.get_string()) : token(value));
    const auto bad = set_scalar_option(draft_, key, text);
    if (!bad.empty()) {
      reader_.mistake(place.line, place.column, fmt::format("\"{}\": {}", key, bad));
      broken_ = true;
    }
  }

  static std::string_view token(od::value& value) {
    auto text = std::string_view(value.raw_json_token());
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  }

  void finish(Place start) {
    if (has_command_ && has_argv_) {
      reader_.mistake(start.line, start.column, "a step has either \"command\" or \"argv\", not both");
    } else if (!has_command_ && !has_argv_ && !broken_) {
      reader_.mistake(start.line, start.column, "this step has neither \"command\" nor \"argv\"");
    }
    const auto step = reader_.add(draft_, id_, command_, has_argv_, creates_, start.line, 0);
    for (const auto& need : needs_) reader_.builder().need(step, need.name, need.place.line, need.place.column);
  }

  StepsReader& reader_;
  Places& places_;
  StepDraft draft_;
  unsigned seen_ = 0;
  bool broken_ = false, has_command_ = false, has_argv_ = false;
  Place command_place_;
  std::string_view id_, command_, creates_;
  std::vector<Need> needs_;
};

const char* place_of(od::document& document, const char* otherwise) {
  const char* at = nullptr;
  return document.current_location().get(at) == simdjson::SUCCESS ? at : otherwise;
}

/// At its end a document has no current location any more.
void refuse_more(od::document& document) {
  const char* at = nullptr;
  if (document.current_location().get(at) == simdjson::SUCCESS)
    throw simdjson::simdjson_error(simdjson::TRAILING_CONTENT);
}

/// The text with the readable bytes behind it that simdjson wants.
class Padded {
 public:
  explicit Padded(const std::string& text) {
    if (text.capacity() >= text.size() + simdjson::SIMDJSON_PADDING) {
      view_ = text;
    } else {
      copy_ = text;
      copy_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
      view_ = copy_;
    }
  }
  std::string_view text() const { return view_; }
  simdjson::padded_string_view part(std::string_view piece) const {
    const auto behind = static_cast<std::size_t>(view_.data() + view_.size() - piece.data());
    return simdjson::padded_string_view(piece.data(), piece.size(), behind + simdjson::SIMDJSON_PADDING);
  }

 private:
  std::string copy_;
  std::string_view view_;
};

void read_line(StepsReader& reader, od::parser& parser, const Padded& padded, std::string_view line,
               std::uint32_t number) {
  Places places(line.data(), number);
  const auto start = line.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return;
  if (line[start] == '#') {
    return reader.mistake(number, static_cast<std::uint32_t>(start + 1),
                          "JSON has no comments: for #GRADUS lines give the file a name that ends in .txt");
  }
  od::document document;
  try {
    document = parser.iterate(padded.part(line));
    JsonStep(reader, places).read(document.get_object(), {number, static_cast<std::uint32_t>(start + 1)});
    refuse_more(document);
  } catch (const simdjson::simdjson_error& error) {
    const char* at = std::clamp(place_of(document, line.data() + start), line.data(), line.data() + line.size());
    const auto column = static_cast<std::uint32_t>(at - line.data()) + 1;
    reader.mistake(number, column, fmt::format("no valid JSON object: {}", error.what()));
  }
}

}  // namespace

void read_json_lines(StepsReader& reader, const std::string& text) {
  const Padded padded(text);
  od::parser parser;
  auto rest = padded.text();
  for (std::uint32_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    read_line(reader, parser, padded, rest.substr(0, end), number);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

void read_json_array(StepsReader& reader, const std::string& text) {
  const Padded padded(text);
  const char* begin = padded.text().data();
  od::parser parser;
  od::document document;
  Places places(begin, 1);
  try {
    document = parser.iterate(padded.part(padded.text()));
    for (auto element : document.get_array()) {
      const auto start = places.of(place_of(document, begin));
      od::value value = element.value();
      if (value.type() != od::json_type::object) {
        reader.mistake(start.line, start.column, "a step is an object: {\"command\": \"…\"}");
        continue;
      }
      JsonStep(reader, places).read(value.get_object(), start);
    }
    refuse_more(document);
  } catch (const simdjson::simdjson_error& error) {
    Places again(begin, 1);
    const auto place = again.of(std::clamp(place_of(document, begin), begin, begin + padded.text().size()));
    reader.mistake(place.line, place.column, fmt::format("no valid JSON array of steps: {}", error.what()));
  }
}

}  // namespace gradus
