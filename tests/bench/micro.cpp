// Micro-benchmarks: what one decision of the scheduler, one message, one record, one mark, one line takes.
//
//   gradus_benchmarks [--benchmark_filter=…]      of a release build; "items" are steps, records or lines
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/step_keys.h"
#include "core/wire.h"
#include "gradus/journal.h"
#include "gradus/marks.h"
#include "inputs.h"
#include "run/journal_reader.h"

namespace gradus {
namespace {

void items(benchmark::State& state, std::size_t in_one_round) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(in_one_round));
}

/// A DAG on 8 slots a worker; the simulator's own part is in it.
void scheduler(benchmark::State& state) {
  const auto steps = static_cast<std::size_t>(state.range(0));
  const auto graph = bench::parse(bench::json_steps(steps), StepsFormat::json_lines);
  for (auto _ : state) bench::simulate(graph, static_cast<std::uint32_t>(state.range(1)) / 8, 8);
  items(state, steps);
}
BENCHMARK(scheduler)
    ->ArgNames({"steps", "slots"})
    ->Args({10000, 64})
    ->Args({100000, 64})
    ->Args({100000, 8192})
    ->Unit(benchmark::kMillisecond);

void parse_text(benchmark::State& state) {
  const auto text = bench::text_steps(10000);
  for (auto _ : state) benchmark::DoNotOptimize(bench::parse(text, StepsFormat::text));
  items(state, 10000);
}
BENCHMARK(parse_text)->Unit(benchmark::kMillisecond);

void parse_json_lines(benchmark::State& state) {
  const auto text = bench::json_steps(10000);
  for (auto _ : state) benchmark::DoNotOptimize(bench::parse(text, StepsFormat::json_lines));
  items(state, 10000);
}
BENCHMARK(parse_json_lines)->Unit(benchmark::kMillisecond);

void keys_of_steps(benchmark::State& state) {
  const auto graph = bench::parse(bench::text_steps(10000), StepsFormat::text);
  for (auto _ : state) benchmark::DoNotOptimize(step_keys(*graph));
  items(state, 10000);
}
BENCHMARK(keys_of_steps)->Unit(benchmark::kMillisecond);

void wire_write(benchmark::State& state) {
  const auto messages = bench::messages(1000);
  std::string bytes;
  for (auto _ : state) {
    bytes.clear();
    for (const auto& message : messages) append_message(message, bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  items(state, messages.size());
}
BENCHMARK(wire_write)->Unit(benchmark::kMicrosecond);

void wire_read(benchmark::State& state) {
  std::string bytes;
  const auto sent = bench::messages(1000);
  for (const auto& message : sent) append_message(message, bytes);
  std::vector<Message> received;
  for (auto _ : state) {
    received.clear();
    if (!read_messages(bytes, received)) state.SkipWithError("our own messages cannot be read");
  }
  items(state, sent.size());
}
BENCHMARK(wire_read)->Unit(benchmark::kMicrosecond);

void marks(benchmark::State& state) {
  const std::string line = "MotionCor2 -InMrc movies/m17.mrc -OutMrc aligned/a17_%(STEP)s.mrc -Gpu %(GPU)s";
  for (auto _ : state) {
    benchmark::DoNotOptimize(expand_marks(line, [](Mark, bool) { return std::string("0 1"); }));
  }
  items(state, 1);
}
BENCHMARK(marks);

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gradus-benchmarks.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string journal() const { return path_ + "/journal.jsonl"; }

 private:
  std::string path_;
};

/// Launch and end of each step, written as a run writes them; scheduler and simulator are in it.
void run_with_journal(const std::shared_ptr<const Graph>& graph, const std::string& path) {
  const auto plan = bench::plan(8, 8);
  Journal journal(path, 0, graph, plan);
  LifeRecord life;
  life.step_count = graph->step_count();
  journal.begin_life(life);
  bench::simulate(graph, 8, 8, {&journal});
  journal.end_life(0, {});
}

void journal_write(benchmark::State& state) {
  const Folder folder;
  const auto graph = bench::parse(bench::json_steps(10000), StepsFormat::json_lines);
  for (auto _ : state) run_with_journal(graph, folder.journal());
  items(state, 10000);
}
BENCHMARK(journal_write)->Unit(benchmark::kMillisecond);

void journal_read(benchmark::State& state) {
  const Folder folder;
  run_with_journal(bench::parse(bench::json_steps(10000), StepsFormat::json_lines), folder.journal());
  std::ifstream file(folder.journal(), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (auto _ : state) benchmark::DoNotOptimize(read_journal_text("journal", text));
  items(state, 10000);
}
BENCHMARK(journal_read)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gradus
