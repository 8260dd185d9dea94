#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "run/summary.h"

namespace gradus::html {
namespace {

const nlohmann::json* find(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

const nlohmann::json* find_number(const nlohmann::json& object, const char* key) {
  const auto* value = find(object, key);
  return value != nullptr && value->is_number() ? value : nullptr;
}

/// Three thousand years: what is longer is no time of a run.
constexpr double longest_s = 1e11;

bool is_numeric(const std::string& head) { return head.starts_with('#'); }

}  // namespace

std::string escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else if (c == '\'') {
      escaped += "&#39;";
    } else if ((byte < ' ' && c != '\n' && c != '\t') || byte == 0x7f) {
      escaped += fmt::format("\\x{:02x}", byte);
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string text(const nlohmann::json& object, const char* key) {
  const auto* value = find(object, key);
  if (value == nullptr) return {};
  return value->is_string() ? value->get<std::string>() : value->dump();
}

std::string spaced(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  return key;
}

double number(const nlohmann::json& object, const char* key, double otherwise) {
  const auto* value = find_number(object, key);
  return value == nullptr ? otherwise : value->get<double>();
}

std::size_t index(double value) { return value >= 0 && value < 1e9 ? static_cast<std::size_t>(value) : SIZE_MAX; }

std::size_t index(const nlohmann::json& object, const char* key) { return index(number(object, key, -1)); }

const nlohmann::json& list(const nlohmann::json& object, const char* key) {
  static const auto none = nlohmann::json::array();
  const auto* value = find(object, key);
  return value != nullptr && value->is_array() ? *value : none;
}

const nlohmann::json& part(const nlohmann::json& object, const char* key) {
  static const auto none = nlohmann::json::object();
  const auto* value = find(object, key);
  return value != nullptr && value->is_object() ? *value : none;
}

std::string seconds(double value) {
  if (!(std::abs(value) < longest_s)) return "–";
  if (value < 0.95 && value > 0) return fmt::format("{:.3g}\u00a0s", value);
  return fmt::format("<span title=\"{:.3f} s\">{}</span>", value, duration_text(value));
}

std::string count(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (auto at = digits.size(); at > 3 && digits.size() > 4;) {
    at -= 3;
    digits.insert(at, "\u202f");  // a narrow space that does not break
  }
  return digits;
}

std::string share(double value) {
  return fmt::format("{:.{}f}\u00a0%", value * 100, value < 0.0995 && value > 0 ? 1 : 0);
}

std::string seconds(const nlohmann::json& object, const char* key) {
  return find_number(object, key) == nullptr ? "–" : seconds(number(object, key));
}

std::string count(const nlohmann::json& object, const char* key) {
  return find_number(object, key) == nullptr ? "–" : count(number(object, key));
}

std::string share(const nlohmann::json& object, const char* key) {
  return find_number(object, key) == nullptr ? "–" : share(number(object, key));
}

Table::Table(std::string_view caption, const std::vector<std::string>& heads) : caption_(caption), heads_(heads) {}

void Table::row(const std::vector<std::string>& cells) {
  ++rows_;
  body_ += "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool is_right = i < heads_.size() && is_numeric(heads_[i]);
    const char* cell = i == 0 ? "th" : "td";
    body_ += fmt::format("<{}{}{}>{}</{}>", cell, i == 0 ? " scope=\"row\"" : "", is_right ? " class=\"n\"" : "",
                         cells[i], cell);
  }
  body_ += "</tr>\n";
}

std::string Table::html() const {
  std::string head;
  for (const auto& one : heads_) {
    const bool is_right = is_numeric(one);
    head += fmt::format("<th scope=\"col\"{}>{}</th>", is_right ? " class=\"n\"" : "", is_right ? one.substr(1) : one);
  }
  return fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table>\n<caption>{0}</caption>\n"
      "<thead><tr>{1}</tr></thead>\n<tbody>\n{2}</tbody></table></div>\n",
      caption_, head, body_);
}

}  // namespace gradus::html
