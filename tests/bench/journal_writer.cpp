// The journal of a run that never was: for measuring how long a real one of that size takes to be read.
//
//   gradus_bench_journal STEPS RUN_DIRECTORY
//
// Knows: the real scheduler, loop and journal, in virtual time. Unaware of: processes; nothing is started.
#include <sys/stat.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>

#include "gradus/journal.h"
#include "inputs.h"

using namespace gradus;

namespace {

std::string contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_journal(const char* steps, const std::string& folder) {
  constexpr std::uint32_t workers = 64, slots = 8;
  const auto graph = bench::parse(contents(steps), steps_format(steps));
  const auto plan = bench::plan(workers, slots);
  Journal journal(folder + "/journal.jsonl", 0, graph, plan);
  LifeRecord life;
  life.steps_file = steps;
  life.step_count = graph->step_count();
  life.host = "n0";
  journal.begin_life(life);
  bench::simulate(graph, workers, slots, {&journal});
  StepCounts counts;
  counts.succeeded = graph->step_count();
  journal.end_life(0, counts);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s STEPS RUN_DIRECTORY\n", argv[0]);
    return 2;
  }
  mkdir(argv[2], 0755);
  try {
    write_journal(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
  return 0;
}
