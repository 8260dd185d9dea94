// gradus status: how a run stands.
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/colour.h"
#include "cli/commands.h"
#include "cli/look_words.h"
#include "cli/run_argument.h"
#include "core/printable.h"
#include "gradus/steps_file.h"
#include "node/clock.h"
#include "node/tell.h"
#include "run/explanation.h"
#include "run/journal_tail.h"
#include "run/run_directory.h"
#include "run/status.h"
#include "run/steps_of_run.h"
#include "run/time_left.h"

namespace gradus::cli {
namespace {

constexpr LookOption options[] = {
    {"watch", "[TIME]", "show it again every TIME (default 2s), until q or Ctrl-C"},
    {"running", nullptr, "only what runs: all of it"},
    {"failed", nullptr, "only what has failed: all of it"},
    {"step", "STEP", "one step, by its id or ordinal: its attempts, what it waits for, the end of its output"},
    {"json", nullptr, "for programs (gradus-json(5), src/docs/json.md)"}};

const LookForm form{
    "status",
    "Usage: gradus status RUN [options]   how a run stands, while it runs or afterwards\n\n"
    "RUN is a run directory or its steps file. Nothing is written there, and the run is not disturbed.\n",
    options,
    "Exit code: 0; 2 when there is no such run or step.\n",
    {"run"}};

struct Wanted {
  std::string run, step;
  double watch_s = 0;  // 0: once
  bool json = false, running = false, failed = false;
};

/// `--watch 5s` with a blank, and `--watch RUN`: the word behind belongs to it only where it is a time.
Words with_joined_watch(Words words) {
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] != "--watch") continue;
    const bool has_time = i + 1 < words.size() && parse_duration(words[i + 1]) >= 0;
    words[i] += "=" + (has_time ? words[i + 1] : "2s");
    if (has_time) words.erase(words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
  return words;
}

Wanted read_words(const LookWords& words) {
  Wanted wanted{words.value("run"), words.value("step"),  0,
                words.has("json"),  words.has("running"), words.has("failed")};
  if (words.has("watch")) {
    const auto every = words.value("watch");
    wanted.watch_s = std::max(0.1, parse_duration(every));
    if (parse_duration(every) <= 0) {
      words.refuse(fmt::format("--watch wants a time, as 2s, and not '{}'", every));
    }
    if (isatty(1) == 0) words.refuse("--watch needs a terminal");
  }
  if (wanted.running && wanted.failed) words.refuse("--running and --failed exclude each other");
  if (wanted.json && wanted.watch_s > 0) words.refuse("--json and --watch exclude each other");
  if (!wanted.step.empty() && (wanted.running || wanted.failed || wanted.watch_s > 0)) {
    words.refuse("--step goes with --json only");
  }
  return wanted;
}

/// Reading a million steps takes longer than anybody wants to wait for a glance; without them the time left is a
/// coarser one.
constexpr std::uintmax_t most_bytes_for_a_glance = 16 << 20;

/// What is there of a run now.
class Look {
 public:
  explicit Look(std::string run) : run_(std::move(run)), steps_(begun(run_)), journal_(run_ + "/journal.jsonl") {}

  RunStatus status() {
    journal_.read();
    const auto pulse = pulse_of(run_, journal_);  // may read on
    const auto& chronicle = journal_.chronicle();
    // What does not run has no time left.
    auto status = status_of(run_, chronicle, pulse, epoch_s(), pulse == RunPulse::runs ? steps_of_life() : nullptr);
    status.damage = journal_.damage();
    return status;
  }

 private:
  static std::unique_ptr<StepsOfRun> begun(const std::string& run) {
    auto steps =
        std::make_unique<StepsOfRun>(run, read_kept_steps, StepsOfRun::Want::known_steps, most_bytes_for_a_glance);
    if (pulse_of(run, Chronicle()) == RunPulse::runs) steps->begin();
    return steps;
  }

  /// Each life may bring other steps.
  const KnownSteps* steps_of_life() {
    const auto& lives = journal_.chronicle().lives();
    const double life = lives.empty() ? 0 : lives.back().begin;  // not how many: --restart begins with the first again
    if (life != of_life_) known_ = steps_->known(journal_.chronicle());
    of_life_ = life;
    return known_.get();
  }

  std::string run_;
  std::unique_ptr<StepsOfRun> steps_;
  JournalTail journal_;
  double of_life_ = 0;
  std::shared_ptr<const KnownSteps> known_;
};

/// What went wrong in red, what may go wrong in yellow: by the word that each line of a status begins with.
std::string coloured(std::string_view line, const Colour& colour) {
  constexpr std::string_view bad[] = {"  failed ", "  lost "};
  constexpr std::string_view doubtful[] = {"  cut off ", "  quarantined ", "  drain ", "  finish ",
                                           "  error ",   "  cancel ",      "  kill ",  "  journal "};
  const auto begins_with = [line](std::string_view label) { return line.starts_with(label); };
  if (std::ranges::any_of(bad, begins_with)) return colour.red(line);
  return std::ranges::any_of(doubtful, begins_with) ? colour.yellow(line) : std::string(line);
}

/// Calls `take` with each line, without its newline.
template <class Take>
void each_line(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    take(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

// A signal can also come while nothing waits: it must not be forgotten.
volatile std::sig_atomic_t asked_to_leave = 0;
void leave_by_signal(int /*signal*/) { asked_to_leave = 1; }

/// Keys come at once and unseen; the screen beside what was there before, which comes back at the end.
class WatchedTerminal {
 public:
  WatchedTerminal() {
    has_keys_ = isatty(0) != 0 && tcgetattr(0, &before_) == 0;
    if (has_keys_) {
      termios raw = before_;
      raw.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
      tcsetattr(0, TCSANOW, &raw);
    }
    tell(stdout, "\x1b[?1049h\x1b[?25l");
  }
  ~WatchedTerminal() {
    tell(stdout, "\x1b[?25h\x1b[?1049l");
    std::fflush(stdout);
    if (has_keys_) tcsetattr(0, TCSANOW, &before_);
  }
  WatchedTerminal(const WatchedTerminal&) = delete;
  WatchedTerminal& operator=(const WatchedTerminal&) = delete;

  /// Line over line, each cleared behind its end: nothing is ever blank, so nothing flickers.
  static void show(const std::string& text, const winsize& size) {
    static const auto colour = colour_on(1);
    std::string screen = "\x1b[H";
    unsigned row = 0;
    each_line(text, [&](std::string_view line) {
      if (row == size.ws_row) return;
      if (row++ > 0) screen += "\n";
      screen += coloured(clip(line, size.ws_col), colour) + "\x1b[K";
    });
    tell(stdout, "{}\x1b[J", screen);
    std::fflush(stdout);
  }

  /// False when the user wants to leave: q, or a signal.
  bool wait(double seconds) const {
    pollfd keys{has_keys_ ? 0 : -1, POLLIN, 0};
    const int ready = poll(&keys, 1, static_cast<int>(seconds * 1000));
    if (ready < 0 || asked_to_leave != 0) return false;
    char key = 0;
    if (ready > 0 && read(0, &key, 1) == 1) return key != 'q' && key != 'Q';
    return true;
  }

 private:
  /// At most so many characters; one of several bytes is never cut.
  static std::string_view clip(std::string_view line, unsigned columns) {
    std::size_t end = 0;
    for (unsigned shown = 0; end < line.size(); ++end) {
      if ((static_cast<unsigned char>(line[end]) & 0xc0) != 0x80 && ++shown > columns) break;
    }
    return line.substr(0, end);
  }

  termios before_{};
  bool has_keys_ = false;
};

winsize size_of_terminal() {
  winsize size{};
  if (ioctl(1, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) size = {24, 80, 0, 0};
  return size;
}

/// As many lines of each kind as the screen has room for.
StatusView view_for(const winsize& size) {
  const std::size_t rows = size.ws_row;
  const std::size_t room = rows > 12 ? rows - 8 : 4;
  return {room / 2, room / 4, room / 4, false, false};
}

int watch(Look& look, const Wanted& wanted) {
  // poll(2) returns EINTR, and the terminal is put back.
  struct sigaction leave {};
  leave.sa_handler = leave_by_signal;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &leave, nullptr);
  const WatchedTerminal terminal;
  for (;;) {
    const auto size = size_of_terminal();
    auto view = view_for(size);
    view.only_running = wanted.running;
    view.only_failed = wanted.failed;
    WatchedTerminal::show(text(look.status(), view), size);
    if (!terminal.wait(wanted.watch_s)) return 0;
  }
}

int one_step(const std::string& run, const Wanted& wanted, const LookWords& words) {
  StepsOfRun steps(run, read_kept_steps);
  steps.begin();
  JournalTail journal(run + "/journal.jsonl");
  const auto pulse = pulse_of(run, journal);  // may read on
  const auto& chronicle = journal.chronicle();
  const auto status = status_of(run, chronicle, pulse, epoch_s());
  std::string why_not;
  const auto graph = steps.graph(chronicle, why_not);
  const StepStory story(status, chronicle, graph, run, wanted.step);
  if (!story.found()) words.refuse(fmt::format("{} has no step '{}'", run, wanted.step));
  tell(stdout, "{}", wanted.json ? story.json() : story.text());
  if (!graph) tell(stderr, "gradus: what it needs is not known: {}\n", printable(why_not));
  return 0;
}

}  // namespace

int status_command(const Words& given) {
  const LookWords words(form, with_joined_watch(given));
  const auto wanted = read_words(words);
  const auto run = run_of(wanted.run);
  if (!wanted.step.empty()) return one_step(run, wanted, words);
  Look look(run);
  if (wanted.watch_s > 0) return watch(look, wanted);
  const auto status = look.status();
  if (wanted.json) {
    tell(stdout, "{}", json(status));
    return 0;
  }
  const auto colour = colour_on(1);
  each_line(text(status, {20, 10, 20, wanted.running, wanted.failed}),
            [&](std::string_view line) { tell(stdout, "{}\n", coloured(line, colour)); });
  return 0;
}

}  // namespace gradus::cli
