// What waiting at slots does to a makespan, in the simulator: the rules of who may wait are in tests/scenarios.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "gradus/run_loop.h"
#include "gradus/simulated_cluster.h"
#include "support/builders.h"

namespace gradus::support {
namespace {

using Seconds = std::function<double(double draw)>;

/// Of 2,000 steps on two workers of four slots; what a worker says takes up to 0.6 ms, 0.3 ms in the mean.
double makespan(double prefetch_s, std::uint64_t seed, const Seconds& seconds) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += fmt::format("s{}\n", i);
  const auto steps = graph(text);
  Simulation simulation;
  Machine machine;
  for (WorkerId worker = 1; worker <= 2; ++worker) {
    simulation.workers.push_back({worker, machine.worker(fmt::format("n{}", worker), "- - - -")});
  }
  simulation.faults.seed = seed;
  simulation.faults.message_delay_s = 0.6e-3;
  simulation.model = [&](StepIndex step, std::uint32_t /*attempt*/) {
    return SimulatedAttempt{seconds(draw_unit({seed, 99, step})), {}};
  };
  SchedulerOptions options;
  options.prefetch_s = prefetch_s;
  Scheduler scheduler(steps, options);
  SimulatedCluster cluster(steps, std::move(simulation));
  run_loop(scheduler, cluster, {});
  EXPECT_EQ(scheduler.counts().succeeded, 2000U);
  return cluster.now();
}

constexpr double prefetch_s = 0.02;

TEST(Prefetch, saves_the_way_to_the_master_between_short_steps) {
  const Seconds a_millisecond = [](double) { return 1e-3; };
  EXPECT_LT(makespan(prefetch_s, 1, a_millisecond), 0.9 * makespan(0, 1, a_millisecond));
}

TEST(Prefetch, never_lengthens_a_makespan_by_more_than_a_few_times_what_may_wait) {
  const Seconds exponential = [](double draw) { return -3e-3 * std::log(1 - draw); };
  const Seconds one_in_a_hundred_is_long = [](double draw) { return draw < 0.01 ? 0.5 : 1e-3; };
  const Seconds one_is_very_long = [](double draw) { return draw < 0.0005 ? 2 : 2e-3; };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const auto& seconds : {exponential, one_in_a_hundred_is_long, one_is_very_long}) {
      EXPECT_LE(makespan(prefetch_s, seed, seconds), makespan(0, seed, seconds) + 3 * prefetch_s) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace gradus::support
