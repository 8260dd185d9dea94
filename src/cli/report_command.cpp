// gradus report and gradus trace: a run as one page, and as a trace for Perfetto.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <vector>

#include "cli/commands.h"
#include "cli/loaded_run.h"
#include "cli/look_words.h"
#include "cli/run_argument.h"
#include "core/printable.h"
#include "report/page.h"
#include "report/report_json.h"
#include "report/trace.h"
#include "run/run_directory.h"

namespace gradus::cli {
namespace {

constexpr LookOption report_options[] = {
    {"output", "FILE|-", "where to (default: report.html in the run directory; -: standard output)"},
    {"json", nullptr, "the facts behind the page instead, to standard output unless --output is given"}};

const LookForm report_form{
    "report",
    "Usage: gradus report RUN [options]\n\n"
    "Writes one page on which all of a run can be looked at: what ran where and when, use of the slots, the tail,\n"
    "durations, failures, the critical path, where time was lost, and how many nodes to ask for next time.\n"
    "RUN is a run directory or its steps file; it may be running.\n",
    report_options,
    "",
    {"run"}};

constexpr LookOption trace_options[] = {
    {"output", "FILE|-", "where to (default: trace.json in the run directory; -: standard output)"}};

const LookForm trace_form{
    "trace",
    "Usage: gradus trace RUN [options]\n\n"
    "Writes a run in the Chrome trace event format, for ui.perfetto.dev or chrome://tracing: nodes are processes, "
    "slots\n"
    "threads, attempts slices with arrows from what they need.\n"
    "RUN is a run directory or its steps file; it may be running.\n",
    trace_options,
    "",
    {"run"}};

/// Where to, or `by_default`.
std::string output_of(const LookWords& words, const std::string& by_default) {
  return words.has("output") ? words.value("output") : by_default;
}

/// Also where the run was named by its directory, or has been moved with it: the steps file lies beside.
bool is_steps_file(const LoadedRun& run, const std::string& named, const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files{named};
  for (const auto& life : run.chronicle().lives()) {
    files.emplace_back(life.steps_file);
    files.push_back(fs::absolute(run.directory()).parent_path() / fs::path(life.steps_file).filename());
  }
  std::error_code none;
  return std::any_of(files.begin(), files.end(),
                     [&](const fs::path& file) { return fs::equivalent(file, path, none); });
}

/// Written beside the place and moved there when it is whole: whoever opens it meanwhile sees the old one.
class Output {
 public:
  /// What `run` has written itself, or was told to run, is no place for it. `named`: how the user called it.
  Output(std::string path, const LoadedRun& run, const std::string& named) : path_(std::move(path)) {
    if (path_ == "-") return;
    if (is_runs_own(run.directory(), path_)) {
      throw std::runtime_error(fmt::format("{} is the run's own: --output names another place", path_));
    }
    if (is_steps_file(run, named, path_)) {
      throw std::runtime_error(fmt::format("{} is the run's steps file: --output names another place", path_));
    }
    // A descriptor by its name: what it is the end of stays.
    if (path_.starts_with("/dev/") || path_.starts_with("/proc/")) {
      file_.reset(std::fopen(path_.c_str(), "ae"));
      if (!file_) refused();
      return;
    }
    struct stat status {};
    if (stat(path_.c_str(), &status) == 0) {
      // A device or a pipe is written to, not replaced; a link is followed.
      if (!S_ISREG(status.st_mode)) {
        file_.reset(std::fopen(path_.c_str(), "we"));
        if (!file_) refused();
        return;
      }
      path_ = std::filesystem::canonical(path_).string();
    }
    part_ = fmt::format("{}.{}.part", path_, getpid());
    const int fd = open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    file_.reset(fd >= 0 ? fdopen(fd, "w") : nullptr);
    if (!file_) refused();
  }
  ~Output() {
    if (!part_.empty()) std::remove(part_.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stream()) != text.size()) refused();
  }
  void finish() {
    if (std::fflush(stream()) != 0) refused();
    if (path_ == "-") return;
    if (std::fclose(file_.release()) != 0) refused();
    if (!part_.empty() && std::rename(part_.c_str(), path_.c_str()) != 0) refused();
    part_.clear();
    fmt::print("{}\n", printable(path_));
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::FILE* stream() const { return file_ ? file_.get() : stdout; }
  [[noreturn]] void refused() const {
    const char* why = std::strerror(errno);
    throw std::runtime_error(path_ == "-"
                                 ? fmt::format("standard output: {}", why)
                                 : fmt::format("{} cannot be written: {}; --output names another place", path_, why));
  }

  std::string path_, part_;  // `part_`: to be removed
  std::unique_ptr<std::FILE, Close> file_;
};

void tell_of(const LoadedRun& run) {
  if (const auto damage = run.damage(); !damage.empty()) {
    fmt::print(stderr, "gradus: {}; what stands behind it is left out\n", printable(damage));
  }
  if (run.graph() == nullptr) {
    fmt::print(stderr, "gradus: {}: commands, and what steps need, are not known\n", printable(run.why_no_graph()));
  }
}

ReportInput input_of(const LoadedRun& run) {
  return {&run.chronicle(), run.graph(), run.tail(),     run.directory(), kept_steps(run.directory()),
          run.pulse(),      run.now(),   GRADUS_VERSION, run.damage()};
}

}  // namespace

int report_command(const Words& given) {
  const LookWords words(report_form, given);
  const LoadedRun run(run_of(words.value("run")));
  const bool as_json = words.has("json");
  const auto path = output_of(words, as_json ? std::string("-") : run.directory() + "/report.html");
  tell_of(run);
  const auto json = report_json(input_of(run));
  Output output(path, run, words.value("run"));
  output.write(as_json ? json + "\n" : report_page(json));
  output.finish();
  return 0;
}

int trace_command(const Words& given) {
  const LookWords words(trace_form, given);
  const LoadedRun run(run_of(words.value("run")));
  const auto path = output_of(words, run.directory() + "/trace.json");
  tell_of(run);
  const RunStory story(run.chronicle(), run.graph().get(), run.goes_on_until(), run.pulse() == RunPulse::broken_off);
  Output output(path, run, words.value("run"));
  write_trace(story, [&](std::string_view text) { output.write(text); });
  output.finish();
  return 0;
}

}  // namespace gradus::cli
