#include "run/record_scan.h"

#include <charconv>

namespace gradus {
namespace {

class Cursor {
 public:
  explicit Cursor(std::string_view line) : at_(line.data()), end_(line.data() + line.size()) {}

  bool skip(std::string_view wanted) {
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    if (!rest.starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  template <class Number>
  bool number(Number& value) {
    const auto [behind, error] = std::from_chars(at_, end_, value);
    at_ = behind;
    return error == std::errc();
  }
  /// Sixteen digits at most, in quotes.
  bool hexadecimal(std::uint64_t& value) {
    if (!skip("\"")) return false;
    const auto [behind, error] = std::from_chars(at_, end_, value, 16);
    at_ = behind;
    return error == std::errc() && skip("\"");
  }
  bool text(std::string_view& value) {
    if (!skip("\"")) return false;
    const auto* begin = at_;
    while (at_ < end_ && *at_ != '"' && *at_ != '\\') ++at_;
    value = {begin, static_cast<std::size_t>(at_ - begin)};
    return skip("\"");
  }
  bool numbers(std::vector<std::uint32_t>& values) {
    if (!skip("[")) return false;
    do {
      std::uint32_t value = 0;
      if (!number(value)) return false;
      values.push_back(value);
    } while (skip(","));
    return skip("]");
  }
  /// What stands there without its meaning: nothing of it is kept.
  bool pass_texts() {
    if (!skip("[")) return false;
    std::string_view ignored;
    do {
      if (!text(ignored)) return false;
    } while (skip(","));
    return skip("]");
  }
  /// The checksum is the last key.
  bool ends() { return skip(",\"x\":\""); }

 private:
  const char* at_;
  const char* end_;
};

/// Where `key` stands there the rest must hold, else it is absent.
template <class Rest>
bool optional(Cursor& line, std::string_view key, const Rest& rest) {
  return !line.skip(key) || rest();
}

bool state_of(std::string_view text, StepState& state) {
  for (const auto one : {StepState::succeeded, StepState::failed, StepState::skipped}) {
    if (text != word(one)) continue;
    state = one;
    return true;
  }
  return false;
}

bool outcome_of(std::string_view text, OutcomeKind& outcome) {
  outcome = OutcomeKind::succeeded;
  return text == "succeeded" || parse_word(std::string(text), outcome);
}

}  // namespace

bool scan_launch(std::string_view text, LaunchRecord& record) {
  Cursor line(text);
  record.slots.clear();
  record.with.clear();
  record.id = {};
  if (!line.skip(R"({"launch":)") || !line.number(record.ordinal) || !line.skip(R"(,"t":)") || !line.number(record.t) ||
      !line.skip(R"(,"a":)") || !line.number(record.attempt) || !line.skip(R"(,"worker":)") ||
      !line.number(record.worker) || !line.skip(R"(,"slots":)") || !line.numbers(record.slots)) {
    return false;
  }
  if (!optional(line, R"(,"gpus":)", [&] { return line.pass_texts(); })) return false;
  record.waits = line.skip(R"(,"waits":true)");
  return optional(line, R"(,"with":)", [&] { return line.numbers(record.with); }) && line.skip(R"(,"key":)") &&
         line.hexadecimal(record.key) && line.skip(R"(,"digest":)") && line.hexadecimal(record.digest) &&
         optional(line, R"(,"id":)", [&] { return line.text(record.id); }) && line.ends();
}

bool scan_end(std::string_view text, EndRecord& record) {
  Cursor line(text);
  std::string_view outcome, state;
  record = {};
  if (!line.skip(R"({"end":)") || !line.number(record.ordinal) || !line.skip(R"(,"t":)") || !line.number(record.t) ||
      !line.skip(R"(,"a":)") || !line.number(record.attempt) || !line.skip(R"(,"worker":)") ||
      !line.number(record.worker) || !line.skip(R"(,"outcome":)") || !line.text(outcome) ||
      !outcome_of(outcome, record.outcome)) {
    return false;
  }
  if (!optional(line, R"(,"code":)", [&] { return line.number(record.code); }) ||
      !optional(line, R"(,"detail":)", [&] { return line.text(record.detail); }) || !line.skip(R"(,"start":)") ||
      !line.number(record.start) || !line.skip(R"(,"stop":)") || !line.number(record.stop) ||
      !line.skip(R"(,"user":)") || !line.number(record.usage.user_s) || !line.skip(R"(,"sys":)") ||
      !line.number(record.usage.system_s) || !line.skip(R"(,"rss":)") || !line.number(record.usage.max_rss_kib)) {
    return false;
  }
  if (!optional(line, R"(,"in":)", [&] { return line.number(record.usage.in_bytes); }) ||
      !optional(line, R"(,"out":)", [&] { return line.number(record.usage.out_bytes); })) {
    return false;
  }
  record.is_final = line.skip(R"(,"final":)");
  return (!record.is_final || (line.text(state) && state_of(state, record.final_state))) && line.ends();
}

}  // namespace gradus
