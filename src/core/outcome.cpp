#include "gradus/outcome.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace gradus {
namespace {

constexpr std::array<const char*, 8> words{"succeeded",       "exit_code",      "signal",           "timed_out",
                                           "could_not_start", "output_missing", "lost_with_worker", "cancelled"};

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : fmt::format("signal {}", signal);
}

/// For an outcome without detail: whoever gives one has put the words of the errno in it.
std::string errno_words(int error) {
  const char* words_of_it = error > 0 ? strerrordesc_np(error) : nullptr;
  return words_of_it != nullptr ? fmt::format(": {}", words_of_it) : "";
}

}  // namespace

const char* word(OutcomeKind kind) { return words[static_cast<std::size_t>(kind)]; }

bool parse_word(const std::string& text, OutcomeKind& kind) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (text != words[i]) continue;
    kind = static_cast<OutcomeKind>(i);
    return true;
  }
  return false;
}

std::string describe(const Outcome& outcome) {
  const auto detail = outcome.detail.empty() ? std::string() : ": " + outcome.detail;
  switch (outcome.kind) {
    case OutcomeKind::succeeded: return "succeeded" + detail;
    case OutcomeKind::exit_code: return fmt::format("exit code {}", outcome.code) + detail;
    case OutcomeKind::signal: return "killed by " + signal_name(outcome.code) + detail;
    case OutcomeKind::timed_out: return "ran into its time limit" + detail;
    case OutcomeKind::could_not_start: return "could not start" + (detail.empty() ? errno_words(outcome.code) : detail);
    case OutcomeKind::output_missing: return "exit code 0, but a declared output is missing" + detail;
    case OutcomeKind::lost_with_worker: return "lost with the rank that ran it" + detail;
    case OutcomeKind::cancelled: return "cancelled" + detail;
  }
  return "?";
}

}  // namespace gradus
