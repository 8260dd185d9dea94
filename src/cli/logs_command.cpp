// gradus logs: what steps have written.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "cli/commands.h"
#include "cli/look_words.h"
#include "cli/run_argument.h"
#include "core/printable.h"
#include "core/size_text.h"
#include "core/step_keys.h"
#include "node/tell.h"
#include "run/explanation.h"
#include "run/followed_output.h"
#include "run/journal_tail.h"
#include "run/output_archive.h"
#include "run/steps_of_run.h"

namespace gradus::cli {
namespace {

constexpr LookOption options[] = {
    {"attempt", "N", "of its Nth attempt (default: its latest)"},
    {"out", nullptr, "only its standard output"},
    {"err", nullptr, "only its standard error"},
    {"follow,f", nullptr, "while it runs, go on until it has ended: both streams as they grow"}};

const LookForm form{
    "logs",
    "Usage: gradus logs RUN                 which steps have written how much\n"
    "       gradus logs RUN STEP [options]  what a step has written: its standard output, then its standard error\n\n"
    "RUN is a run directory or its steps file; STEP an id, or an ordinal.\n",
    options,
    "",
    {"run", "step"}};

struct Wanted {
  std::string run;
  std::string step;
  std::optional<std::uint32_t> attempt;
  bool out = true, err = true, follow = false;
};

int refuse(const std::string& what) {
  tell(stderr, "gradus: {}\n", printable(what));
  return 2;
}

/// Prints what is new in it.
void print(FollowedOutput& followed, const StoredOutput& now) {
  const bool was_cut =
      followed.read(now, [](std::string_view part) { std::fwrite(part.data(), 1, part.size(), stdout); });
  std::fflush(stdout);
  if (was_cut) tell(stderr, "gradus: --output-limit has cut this output: some of it may stand here twice\n");
}

/// Of each attempt what show() would print: lives have attempts with the same numbers, and only the latest that started
/// a step tells of it.
std::vector<OutputArchive::Listed> outputs_of(const std::string& run, const Chronicle& chronicle) {
  std::map<std::uint32_t, const AttemptRow*> latest;  // by ordinal
  for (const auto& row : chronicle.attempts()) latest[row.ordinal] = &row;
  std::set<std::uint32_t> lives;
  for (const auto& [ordinal, row] : latest) lives.insert(row->life);
  std::vector<OutputArchive::Listed> all;
  for (const auto life : lives) {
    OutputArchive archive(run, life + 1, chronicle.lives()[life].name);
    if (archive.is_aside()) continue;  // ordinals meant other steps then
    for (const auto& one : archive.list()) {
      const auto at = latest.find(one.ordinal);
      if (at != latest.end() && at->second->life == life && one.attempt <= at->second->attempt) all.push_back(one);
    }
  }
  std::ranges::sort(all, {}, [](const auto& one) { return std::pair(one.ordinal, one.attempt); });
  return all;
}

int list(const std::string& run) {
  const auto all = outputs_of(run, JournalTail(run + "/journal.jsonl").chronicle());
  for (const auto& one : all) {
    fmt::print("{:>8}  attempt {}  out {:>10}  err {:>10}\n", one.ordinal, one.attempt, size_text(one.out_size),
               size_text(one.err_size));
  }
  if (all.empty()) fmt::print(stderr, "gradus: no step has written anything that was kept\n");
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(run, none)) {
    const auto name = entry.path().filename().string();
    if (life_of_logs_put_aside(name) == 0) continue;
    tell(stderr,
         "gradus: earlier lives, which had the steps in another order, left more in {}: gradus logs {} STEP finds it\n",
         name, printable(run));
  }
  return 0;
}

/// An attempt of a step, in the latest life in which it was started.
struct FoundStep {
  std::uint32_t ordinal = 0, attempt = 0;
  std::uint32_t life = 0;  // from 1
  std::string life_name;
  std::uint32_t worker = 0, slot = 0;  // `slot` within the worker
  bool is_running = false;
};

/// Which step is meant: by what it is called in the steps of the latest life, where they are known; lives can have had
/// them in another order.
class StepName {
 public:
  StepName(StepsOfRun& steps, const Chronicle& chronicle, std::string name) : name_(std::move(name)) {
    std::string unused;
    const auto graph = steps.graph(chronicle, unused);
    if (!graph) return;
    const auto step = step_named(*graph, chronicle, name_);
    is_unknown_ = step == no_step;
    if (!is_unknown_) key_ = key_of_step(*graph, step);
  }
  bool is_unknown() const { return is_unknown_; }
  /// Its latest attempt, one that began if there is such a one; nothing when it was never started.
  std::optional<std::size_t> latest_in(const Chronicle& chronicle) const {
    if (!key_) return chronicle.latest_attempt_of(name_);
    return chronicle.latest_begun(chronicle.attempts_of(*key_));
  }

 private:
  std::string name_;
  std::optional<std::uint64_t> key_;
  bool is_unknown_ = false;
};

std::optional<FoundStep> find_step(const Chronicle& chronicle, const StepName& name) {
  const auto found = name.latest_in(chronicle);
  if (!found) return std::nullopt;
  const auto& row = chronicle.attempts()[*found];
  return FoundStep{row.ordinal,
                   row.attempt,
                   row.life + 1,
                   chronicle.lives()[row.life].name,
                   row.worker,
                   row.slot,
                   row.state == AttemptRow::State::running};
}

/// The attempt's output now: where it is kept, or where it grows.
std::optional<StoredOutput> output_now(const std::string& run, const FoundStep& found, Stream stream) {
  if (auto kept = OutputArchive(run, found.life, found.life_name).find(found.ordinal, found.attempt, stream))
    return kept;
  if (!found.is_running) return std::nullopt;
  StoredOutput growing{run + "/" + running_log_name(found.worker, found.slot, stream), 0, 0};
  std::ifstream file(growing.path, std::ios::binary | std::ios::ate);
  if (!file) return std::nullopt;
  growing.size = static_cast<std::uint64_t>(file.tellg());
  return growing;
}

/// Both streams as they grow, unless one was asked for.
int follow(const Wanted& wanted, const StepName& name, const std::string& run, JournalTail& journal, FoundStep found) {
  FollowedOutput out, err;
  const auto show_more = [&](Stream stream, FollowedOutput& followed) {
    if (const auto output = output_now(run, found, stream)) print(followed, *output);
  };
  for (;;) {
    const bool was_running = found.is_running;
    const auto pulse = pulse_of(run, journal);  // an attempt of a run that was killed is never recorded as ended
    const bool goes_on = pulse == RunPulse::runs || pulse == RunPulse::unknown;
    if (wanted.out) show_more(Stream::out, out);
    if (wanted.err) show_more(Stream::err, err);
    if (!was_running || !goes_on) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    journal.read();
    const auto now = find_step(journal.chronicle(), name);
    found.is_running = now && now->is_running && now->attempt == found.attempt;
  }
}

int show(const Wanted& wanted, const std::string& run) {
  auto steps = std::make_unique<StepsOfRun>(run, read_kept_steps);
  steps->begin();
  JournalTail journal(run + "/journal.jsonl");
  const StepName name(*steps, journal.chronicle(), wanted.step);
  steps.reset();  // --follow may go on for hours
  if (name.is_unknown()) return refuse(fmt::format("{} has no step '{}'", run, wanted.step));
  auto found = find_step(journal.chronicle(), name);
  if (!found) return refuse(fmt::format("step {} was never started in {}", wanted.step, run));
  if (wanted.attempt) {
    if (*wanted.attempt == 0 || *wanted.attempt > found->attempt) {
      return refuse(fmt::format("step {} had {} attempt(s)", wanted.step, found->attempt));
    }
    found->is_running = found->is_running && *wanted.attempt == found->attempt;
    found->attempt = *wanted.attempt;
  }
  if (wanted.follow) return follow(wanted, name, run, journal, *found);
  bool any = false;
  for (const auto stream : {Stream::out, Stream::err}) {
    if (!(stream == Stream::out ? wanted.out : wanted.err)) continue;
    const auto output = output_now(run, *found, stream);
    if (!output || output->size == 0) continue;
    FollowedOutput whole;
    print(whole, *output);
    any = true;
  }
  if (!any)
    fmt::print(stderr, "gradus: attempt {} of step {} has written nothing that was kept\n", found->attempt,
               wanted.step);
  return 0;
}

}  // namespace

int logs_command(const Words& given) {
  const LookWords words(form, given);
  Wanted wanted{words.value("run"), words.value("step"), {}, !words.has("err"), !words.has("out"), words.has("follow")};
  if (!wanted.out && !wanted.err) words.refuse("--out and --err exclude each other");
  if (words.has("attempt")) {
    const auto text = words.value("attempt");
    std::uint32_t number = 0;
    const char* end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, number);
    if (after != end || error != std::errc() || number == 0) words.refuse("--attempt wants a number, from 1");
    wanted.attempt = number;
  }
  const auto run = run_of(wanted.run);
  return wanted.step.empty() ? list(run) : show(wanted, run);
}

}  // namespace gradus::cli
