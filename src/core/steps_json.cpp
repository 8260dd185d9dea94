// JSON Lines and JSON arrays, read by simdjson's on-demand interface: it keeps the place of every key.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/json_text.h"
#include "core/steps_reader.h"

namespace gradus {
namespace {

namespace od = simdjson::ondemand;

constexpr std::array<std::string_view, 14> known_keys{"id",   "command", "argv",    "needs",   "gpus",
                                                      "cpus", "nodes",   "timeout", "retries", "priority",
                                                      "cost", "env",     "cwd",     "creates"};

/// One step: an object and what was found in it.
class JsonStep {
 public:
  JsonStep(StepsReader& reader, Places& places, Place start) : reader_(reader), places_(places), start_(start) {}

  void read(od::object object) {
    for (auto field : object) {
      // The raw key points behind its opening quote.
      const auto place = places_.of(field.key().value().raw() - 1);
      const std::string key(std::string_view(field.unescaped_key()));
      od::value value = field.value();
      take(key, value, place);
    }
  }

  void finish() {
    if (has_command_ && has_argv_) {
      reader_.mistake(start_, "a step has either \"command\" or \"argv\", not both");
    } else if (!has_command_ && !has_argv_ && !broken_) {
      reader_.mistake(start_, "this step has neither \"command\" nor \"argv\"");
    }
    step_.is_argv = has_argv_;
    const auto step = reader_.add(draft_, step_, start_);
    for (const auto& need : needs_) reader_.builder().need(step, need.name, need.place.line, need.place.column);
  }

  /// The object broke off: what it was called may be known already.
  void give_up() { reader_.add_unreadable(step_.id, start_); }

 private:
  struct Need {
    std::string_view name;
    Place place;
  };

  void wrong(Place place, std::string_view key, std::string_view expected) {
    reader_.mistake(place, fmt::format("\"{}\" takes {}", key, expected));
    broken_ = true;
  }

  void take(const std::string& key, od::value& value, Place place) {
    const auto* known = std::find(known_keys.begin(), known_keys.end(), key);
    if (known == known_keys.end()) return unknown(key, place);
    const auto bit = 1U << (known - known_keys.begin());
    if ((seen_ & bit) != 0) {
      reader_.mistake(place, fmt::format("\"{}\" stands twice in this step", key));
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
    reader_.mistake(place, fmt::format("unknown key \"{}\"{}", key,
                                       nearest.empty() ? "" : fmt::format(": did you mean \"{}\"?", nearest)));
  }

  static bool is(od::value& value, od::json_type type) { return value.type() == type; }

  /// As it stands in the file, quotes and escapes included.
  static std::string_view token(od::value& value) {
    auto text = std::string_view(value.raw_json_token());
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  }

  /// The digits of a number; false when it only begins like one.
  static bool take_number(od::value& value, std::string_view& digits) {
    digits = token(value);
    return value.get_double().error() == simdjson::SUCCESS;
  }

  /// A text, or a number that stands for one; false for anything else and for what no command,
  /// environment or path can hold.
  bool take_text(od::value& value, std::string_view& text) {
    if (is(value, od::json_type::number)) return take_number(value, text);
    if (!is(value, od::json_type::string)) return false;
    text = value.get_string();
    return text.find('\0') == std::string_view::npos;
  }

  /// A text in which marks are replaced.
  bool take_marked_text(od::value& value, std::string_view& text, Place place) {
    if (!is(value, od::json_type::string)) return false;
    const auto raw = token(value);
    text = value.get_string();
    const auto place_of = [&](const UnknownMark& mark) {
      const auto at = raw.find(fmt::format("%({})s", mark.name));
      return at == std::string_view::npos ? place : places_.of(raw.data() + at);
    };
    step_.has_gpu_mark |= reader_.check_marks(text, place_of);
    return text.find('\0') == std::string_view::npos;
  }

  void take_id(od::value& value, Place place) {
    std::string_view id;
    if (!take_text(value, id) || id.empty()) return wrong(place, "id", "a text that is not empty");
    step_.id = reader_.builder().store(id);
  }

  void take_command(od::value& value, Place place) {
    std::string_view text;
    if (!take_marked_text(value, text, place)) {
      return wrong(place, "command", "a text without NUL (for a list of words use \"argv\")");
    }
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
      return wrong(place, "command", "a text that is not blank");
    }
    step_.command = reader_.builder().store(text);
    has_command_ = true;
  }

  void take_argv(od::value& value, Place place) {
    constexpr std::string_view expected = "a list of texts without NUL, the program first";
    if (!is(value, od::json_type::array)) return wrong(place, "argv", expected);
    std::string list;
    for (auto one : value.get_array()) {
      od::value element = one.value();
      std::string_view text;
      if (!take_marked_text(element, text, place)) return wrong(place, "argv", expected);
      list.append(text).append(1, '\0');
    }
    if (list.empty() || list[0] == '\0') return wrong(place, "argv", expected);
    step_.command = reader_.builder().store(list);
    has_argv_ = true;
  }

  void take_creates(od::value& value, Place place) {
    std::string list;
    const auto append = [&](od::value& path) {
      std::string_view text;
      if (!is(path, od::json_type::string) || !take_text(path, text) || text.empty()) return false;
      list.append(text).append(1, '\0');
      return true;
    };
    constexpr std::string_view expected = "a path or a list of paths, none of them empty";
    if (!is(value, od::json_type::array)) {
      if (!append(value)) return wrong(place, "creates", expected);
    } else {
      for (auto one : value.get_array()) {
        od::value element = one.value();
        if (!append(element)) return wrong(place, "creates", expected);
      }
    }
    step_.creates = reader_.builder().store(list);
  }

  void take_needs(od::value& value, Place place) {
    if (!is(value, od::json_type::array)) return wrong(place, "needs", "a list of ids");
    for (auto one : value.get_array()) {
      od::value element = one.value();
      std::string_view name;
      if (!take_text(element, name) || name.empty()) return wrong(place, "needs", "a list of ids");
      needs_.push_back({reader_.builder().store(name), place});
    }
  }

  void take_env(od::value& value, Place place) {
    if (!is(value, od::json_type::object)) return wrong(place, "env", "an object of NAME: \"value\"");
    auto& env = draft_.options.env;
    for (auto field : value.get_object()) {
      const std::string name(std::string_view(field.unescaped_key()));
      od::value content = field.value();
      std::string_view text;
      const bool is_text =
          is(content, od::json_type::number) ? take_number(content, text) : take_marked_text(content, text, place);
      if (!is_text) return wrong(place, "env", "texts without NUL as values");
      if (const auto bad = check_variable_name(name); !bad.empty()) {
        return wrong(place, "env", "names of variables: " + bad);
      }
      const bool is_repeated = std::any_of(env.begin(), env.end(), [&](const auto& one) { return one.first == name; });
      if (is_repeated) return wrong(place, "env", fmt::format("every variable once: '{}' stands twice", name));
      env.emplace_back(name, text);
    }
  }

  void take_scalar(const std::string& key, od::value& value, Place place) {
    const bool is_path = key == "cwd";
    const bool is_time = key == "timeout" || key == "cost";
    const bool is_number = is(value, od::json_type::number);
    std::string_view text;
    const bool is_fit = is_path                ? take_marked_text(value, text, place)
                        : is_time || is_number ? take_text(value, text)
                                               : false;
    if (!is_fit) {
      return wrong(place, key,
                   is_path   ? "a path"
                   : is_time ? "seconds or a duration such as \"30m\""
                             : "a whole number");
    }
    const auto bad = set_scalar_option(draft_, key, is_number && is_time ? without_exponent(text) : std::string(text));
    if (bad.empty()) return;
    reader_.mistake(place, fmt::format("\"{}\": {}", key, bad));
    broken_ = true;
  }

  /// Programs write 1e-05 for a short time; nobody does so by hand, where it is more likely a slip.
  static std::string without_exponent(std::string_view number) {
    if (number.find_first_of("eE") == std::string_view::npos) return std::string(number);
    double value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    return fmt::format("{:f}", value);
  }

  StepsReader& reader_;
  Places& places_;
  Place start_;
  StepDraft draft_;
  Step step_;
  unsigned seen_ = 0;
  bool broken_ = false, has_command_ = false, has_argv_ = false;
  std::vector<Need> needs_;
};

/// Where simdjson stopped. A document that never came alive has no place (asking it ends the program), a
/// document at its end has none any more.
const char* stopped_at(od::document& document, bool is_alive, std::string_view text) {
  if (!is_alive) return broken_at(text);
  const char* at = nullptr;
  const bool is_inside = document.current_location().get(at) == simdjson::SUCCESS;
  return std::clamp(is_inside ? at : text.data() + text.size(), text.data(), text.data() + text.size());
}

void refuse_more(od::document& document) {
  const char* at = nullptr;
  if (document.current_location().get(at) == simdjson::SUCCESS) {
    throw simdjson::simdjson_error(simdjson::TRAILING_CONTENT);
  }
}

void read_line(StepsReader& reader, od::parser& parser, const PaddedText& padded, std::string_view line,
               std::uint32_t number) {
  const auto start = line.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return;
  const Place place{number, static_cast<std::uint32_t>(start + 1)};
  if (line[start] == '#') {
    return reader.mistake(place, "JSON has no comments: for #GRADUS lines give the file a name that ends in .txt");
  }
  Places places(line.data(), number);
  JsonStep step(reader, places, place);
  od::document document;
  bool is_alive = false;
  try {
    document = parser.iterate(padded.part(line));
    is_alive = true;
    step.read(document.get_object());
    refuse_more(document);
    step.finish();
  } catch (const simdjson::simdjson_error& error) {
    const char* at = stopped_at(document, is_alive, line);
    reader.mistake({number, static_cast<std::uint32_t>(at - line.data()) + 1},
                   fmt::format("no valid JSON object: {}", error.what()));
    step.give_up();
  }
}

void read_element(StepsReader& reader, Places& places, od::value value, Place start) {
  JsonStep step(reader, places, start);
  if (value.type() != od::json_type::object) {
    reader.mistake(start, "a step is an object: {\"command\": \"…\"}");
    return step.give_up();
  }
  step.read(value.get_object());
  step.finish();
}

}  // namespace

void read_json_lines(StepsReader& reader, const std::string& text) {
  const PaddedText padded(text);
  od::parser parser;
  auto rest = padded.view();
  const auto first = rest.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && rest[first] == '[') {
    reader.mistake(Places(rest.data(), 1).of(rest.data() + first),
                   "this is no JSON Lines but a JSON array: give the file a name that ends in .json");
    return reader.cut_off();
  }
  for (std::uint32_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    read_line(reader, parser, padded, rest.substr(0, end), number);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

void read_json_array(StepsReader& reader, const std::string& text) {
  const PaddedText padded(text);
  const auto all = padded.view();
  const auto first = all.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return;
  if (all[first] == '{') {
    reader.mistake(
        Places(all.data(), 1).of(all.data() + first),
        "this is an object, and no JSON array of steps: put [ ] around the steps, or, with one in each line, "
        "give the file a name that ends in .jsonl");
    return reader.cut_off();
  }
  od::parser parser;
  od::document document;
  bool is_alive = false;
  Places places(all.data(), 1);
  try {
    document = parser.iterate(padded.part(all));
    is_alive = true;
    for (auto element : document.get_array()) {
      const auto start = places.of(stopped_at(document, is_alive, all));
      read_element(reader, places, element.value(), start);
    }
    refuse_more(document);
  } catch (const simdjson::simdjson_error& error) {
    const auto place = Places(all.data(), 1).of(stopped_at(document, is_alive, all));
    reader.mistake(place, fmt::format("no valid JSON array of steps: {}", error.what()));
    reader.cut_off();
  }
}

}  // namespace gradus
