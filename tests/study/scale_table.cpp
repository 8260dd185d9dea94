// What the scheduler and the run loop cost at sizes that no test machine has: the table of src/docs/scale.md.
//
// A first pass runs them in the simulated cluster and writes down each fact in 16 bytes; a second pass gives the same
// facts again from there, so that its CPU time is theirs and not the simulator's.
//
//   gradus_scale_table [--steps N] [--slots M] [--two-gpus SHARE] [--chains] [--quarantine]    one row; without
//   arguments all
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gradus/run_loop.h"
#include "gradus/simulated_cluster.h"
#include "sim/draws.h"

namespace gradus {
namespace {

constexpr std::uint32_t slots_per_node = 8;
constexpr double mean_step_s = 60;
constexpr double delay_s = 0.0003;

struct Case {
  StepIndex steps = 0;
  std::uint32_t slots = 0;
  double two_gpus = 0;      // share of the steps that take two GPUs
  bool chains = false;      // every second step needs the one before
  bool quarantine = false;  // as by default in gradus run
};

double cpu_s() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

std::size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::shared_ptr<const Graph> make_graph(const Case& one, std::size_t& text_bytes) {
  GraphBuilder builder("steps");
  StepOptions two;
  two.gpus = 2;
  const auto plain = builder.intern({}), with_two = builder.intern(two);
  for (StepIndex i = 0; i < one.steps; ++i) {
    Step step;
    step.command = builder.store(fmt::format("align -gpu %(GPU)s -in movies/m{0}.mrc -out aligned/a{0}.mrc", i));
    text_bytes += step.command.size();
    step.has_gpu_mark = true;
    step.options = draw_unit({7, i}) < one.two_gpus ? with_two : plain;
    step.line = i + 1;
    builder.add(step);
    if (one.chains && i % 2 == 1) {
      const auto needed = builder.store(std::to_string(i));
      text_bytes += needed.size();
      builder.need(i, needed, i + 1, 1);
    }
  }
  Diagnostics mistakes;
  return builder.build(mistakes);
}

Simulation make_simulation(const Case& one) {
  Simulation simulation;
  for (WorkerId worker = 0; worker < one.slots / slots_per_node; ++worker) {
    WorkerShape shape;
    shape.node = worker;
    for (std::uint32_t slot = 0; slot < slots_per_node; ++slot) shape.slots.push_back({{slot}, {slot}});
    simulation.workers.push_back({worker, shape});
  }
  simulation.model = [](StepIndex step, std::uint32_t) {
    return SimulatedAttempt{mean_step_s * (0.5 + draw_unit({3, step})), {}};
  };
  simulation.faults.message_delay_s = delay_s;
  return simulation;
}

SchedulerOptions rules(const Case& one) {
  SchedulerOptions options;
  options.quarantine_after = one.quarantine ? 3 : 0;
  return options;
}

/// What happened, to happen again.
struct Record {
  struct End {
    double at;
    StepIndex step;
    WorkerId worker;
  };
  std::vector<WorkerJoined> joins;
  std::vector<End> ends;
  std::uint64_t launches = 0;
};

/// The simulated cluster, written down.
class Recorder final : public Cluster {
 public:
  Recorder(SimulatedCluster& cluster, Record& record) : cluster_(cluster), record_(record) {}
  void perform(const LaunchAttempt& launch) override {
    ++record_.launches;
    cluster_.perform(launch);
  }
  void perform(const KillAttempt& kill) override { cluster_.perform(kill); }
  void wait(double until, std::vector<Fact>& facts) override {
    cluster_.wait(until, facts);
    for (const auto& fact : facts) {
      if (const auto* joined = std::get_if<WorkerJoined>(&fact)) record_.joins.push_back(*joined);
      if (const auto* ended = std::get_if<AttemptEnded>(&fact)) {
        record_.ends.push_back({cluster_.now(), ended->step, ended->worker});
      }
    }
  }
  double now() const override { return cluster_.now(); }

 private:
  SimulatedCluster& cluster_;
  Record& record_;
};

/// The same facts again, those of one moment together.
class Replay final : public Cluster {
 public:
  explicit Replay(const Record& record) : record_(record) {}
  void perform(const LaunchAttempt&) override { ++launches; }
  void perform(const KillAttempt&) override {}
  void wait(double /*until*/, std::vector<Fact>& facts) override {
    if (!joined_) facts.assign(record_.joins.begin(), record_.joins.end());
    if (joined_) {
      now_ = record_.ends.at(next_).at;
      for (; next_ < record_.ends.size() && record_.ends[next_].at <= now_; ++next_) {
        const auto& end = record_.ends[next_];
        facts.emplace_back(AttemptEnded{end.step, 1, end.worker, {}});
        if (next_ % (record_.ends.size() / 8) == 0) peak = std::max(peak, heap_bytes());
      }
    }
    joined_ = true;
  }
  double now() const override { return now_; }
  std::uint64_t launches = 0;
  std::size_t peak = 0;  // of the heap, looked at now and then

 private:
  const Record& record_;
  std::size_t next_ = 0;
  bool joined_ = false;
  double now_ = 0;
};

void print_head() {
  fmt::print(
      "| steps | slots | with two GPUs | needs | start, µs a step | scheduler and loop, µs a step | simulator beside "
      "it, µs a step | bytes a step before the run | bytes a step at most | steps/s | shortest step, derived |\n");
  fmt::print("|---|---|---|---|---|---|---|---|---|---|---|\n");
}

void measure(const Case& one) {
  std::size_t text = 0;
  const auto heap_at_first = heap_bytes();
  const auto graph = make_graph(one, text);
  const auto for_graph = heap_bytes() - heap_at_first - text;
  Record record;
  record.ends.reserve(one.steps);

  const double begin = cpu_s();
  {
    Scheduler scheduler(graph, rules(one));
    SimulatedCluster cluster(graph, make_simulation(one));
    Recorder recorder(cluster, record);
    run_loop(scheduler, recorder, {});
  }
  const double with_simulator = cpu_s() - begin;
  malloc_trim(0);

  const auto heap_before = heap_bytes();
  const double before_reading = cpu_s();
  Scheduler scheduler(graph, rules(one));
  const double before_run = cpu_s();
  const auto for_scheduler = heap_bytes() - heap_before;
  Replay replay(record);
  run_loop(scheduler, replay, {});
  const double after = cpu_s();
  const auto peak = std::max(replay.peak, heap_bytes()) - heap_before;
  if (scheduler.counts().succeeded != one.steps || replay.launches != record.launches) {
    fmt::print(stderr, "the second pass went another way: {} of {} steps, {} of {} launches\n",
               scheduler.counts().succeeded, one.steps, replay.launches, record.launches);
    std::exit(1);
  }
  const double steps = one.steps;
  const double each = (after - before_run) / steps;
  // The master is the bottleneck when ends come faster than it takes them; a slot waits for it between two steps.
  const double shortest = std::max(0.95 * one.slots * each, 19 * 2 * delay_s);
  fmt::print("| {} | {} | {:.0f} % | {} | {:.2f} | {:.2f} | {:.2f} | {:.0f} | {:.0f} | {:.0f} | {:.3f} s |\n",
             one.steps, one.slots, 100 * one.two_gpus, one.chains ? "every second" : "none",
             1e6 * (before_run - before_reading) / steps, 1e6 * each,
             1e6 * (with_simulator - (after - before_reading)) / steps,
             static_cast<double>(for_graph + for_scheduler) / steps, static_cast<double>(for_graph + peak) / steps,
             1 / each, shortest);
  std::fflush(stdout);
}

int main_of_table(int argc, char** argv) {
  print_head();
  Case one{1000000, 10000, 0, false, false};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "0";
    if (word == "--steps") one.steps = static_cast<StepIndex>(std::atoll(value));
    if (word == "--slots") one.slots = static_cast<std::uint32_t>(std::atol(value));
    if (word == "--two-gpus") one.two_gpus = std::atof(value);
    if (word == "--chains") one.chains = true;
    if (word == "--quarantine") one.quarantine = true;
  }
  if (argc > 1) {
    measure(one);
    return 0;
  }
  for (const double two_gpus : {0.0, 0.1}) {
    measure({100000, 1000, two_gpus, false, false});
    measure({1000000, 10000, two_gpus, false, false});
    measure({10000000, 100000, two_gpus, false, false});
  }
  measure({10000000, 100000, 0, true, false});
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::main_of_table(argc, argv); }
