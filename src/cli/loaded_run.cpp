#include "cli/loaded_run.h"

#include <chrono>
#include <map>

#include "cli/run_argument.h"
#include "run/output_archive.h"
#include "run/steps_of_run.h"

namespace gradus::cli {
namespace {

constexpr std::size_t tail_lines = 8;

double epoch_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// The ends of both streams, standard error last: there stands what went wrong.
std::vector<std::string> tail_of(OutputArchive& archive, std::uint32_t ordinal, std::uint32_t attempt) {
  std::vector<std::string> lines;
  for (const auto stream : {Stream::out, Stream::err}) {
    const auto output = archive.find(ordinal, attempt, stream);
    if (!output) continue;
    for (auto& line : last_lines(*output, tail_lines)) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

LoadedRun::LoadedRun(std::string run_dir) : run_dir_(std::move(run_dir)) {
  StepsOfRun steps(run_dir_, read_kept_steps);
  steps.begin();
  journal_ = std::make_unique<JournalTail>(run_dir_ + "/journal.jsonl");
  now_ = epoch_now();
  pulse_ = pulse_of(run_dir_, *journal_);
  graph_ = steps.graph(journal_->chronicle(), why_no_graph_);
}

AttemptTail LoadedRun::tail() const {
  auto archives = std::make_shared<std::map<std::uint32_t, OutputArchive>>();
  return [archives, this](std::uint32_t life, std::uint32_t ordinal, std::uint32_t attempt) {
    const auto& name = chronicle().lives()[life - 1].name;
    return tail_of(archives->try_emplace(life, run_dir_, life, name).first->second, ordinal, attempt);
  };
}

}  // namespace gradus::cli
