// Random graphs on random clusters with random faults, through the real scheduler and the real loop,
// under the referee's eyes. GRADUS_SIM_RUNS runs, from seed GRADUS_SIM_SEED on.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "gradus/run_loop.h"
#include "gradus/simulated_cluster.h"
#include "support/builders.h"
#include "support/referee.h"
#include "support/scenario.h"

namespace gradus::support {
namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// One random world: everything in it follows from the seed.
struct World {
  std::string steps, options;
  Simulation simulation;
};

std::string random_slot(Dice& dice, std::uint32_t gpus_of_node, bool shares) {
  std::string gpus;
  if (gpus_of_node > 0 && dice.chance(0.7)) {
    std::set<std::uint32_t> chosen;
    const auto count = shares ? dice.between(1, 2) : 1;
    for (std::uint32_t i = 0; i < count; ++i) chosen.insert(dice.between(0, gpus_of_node - 1));
    gpus = comma_joined({chosen.begin(), chosen.end()});
  }
  return (gpus.empty() ? "-" : gpus) + "/" + std::to_string(dice.between(1, 4));
}

std::vector<SimulatedWorker> random_workers(Dice& dice) {
  Machine machine;
  std::vector<SimulatedWorker> workers;
  const auto nodes = dice.between(1, 4);
  for (std::uint32_t node = 0; node < nodes; ++node) {
    const auto gpus = dice.chance(0.2) ? 0 : dice.between(1, 6);
    const bool shares = dice.chance(0.5);
    const auto ranks = dice.between(1, 3);
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      std::string slots;
      for (auto slot = dice.between(1, 5); slot > 0; --slot) slots += " " + random_slot(dice, gpus, shares);
      SimulatedWorker worker;
      worker.worker = static_cast<WorkerId>(workers.size() + 1);
      worker.shape = machine.worker("n" + std::to_string(node), slots);
      workers.push_back(worker);
    }
  }
  return workers;
}

/// What some worker of the cluster can hold: more is refused before a run starts.
std::string random_ask(Dice& dice, const std::vector<SimulatedWorker>& workers) {
  const auto& worker = workers[dice.between(0, static_cast<std::uint32_t>(workers.size()) - 1)];
  std::set<std::uint32_t> gpus, cores;
  for (const auto& slot : worker.shape.slots) {
    gpus.insert(slot.gpus.begin(), slot.gpus.end());
    cores.insert(slot.cores.begin(), slot.cores.end());
  }
  std::string words;
  std::set<std::uint32_t> nodes;
  for (const auto& one : workers) nodes.insert(one.shape.node);
  if (dice.chance(0.05)) return " nodes=" + std::to_string(dice.between(1, static_cast<std::uint32_t>(nodes.size())));
  if (!gpus.empty() && dice.chance(0.6)) {
    words +=
        dice.chance(0.5) ? " gpu" : " gpus=" + std::to_string(dice.between(1, static_cast<std::uint32_t>(gpus.size())));
  }
  if (dice.chance(0.2)) words += " cpus=" + std::to_string(dice.between(1, static_cast<std::uint32_t>(cores.size())));
  return words;
}

std::string random_steps(Dice& dice, const std::vector<SimulatedWorker>& workers) {
  std::string text;
  const auto count = dice.chance(0.1) ? dice.between(60, 200) : dice.between(1, 40);
  const double density = dice.unit();
  for (std::uint32_t step = 0; step < count; ++step) {
    if (dice.chance(0.03)) text += dice.chance(0.5) ? "  barrier\n" : "  barrier=ended\n";
    std::set<std::uint32_t> needs;
    while (step > 0 && needs.size() < 4 && dice.chance(density * 0.7)) needs.insert(dice.between(0, step - 1));
    std::string after;
    for (const auto need : needs) after += (after.empty() ? " after s" : ",s") + std::to_string(need);
    text += fmt::format("  s{}{}{}", step, after, random_ask(dice, workers));
    if (dice.chance(0.3)) text += fmt::format(" retries={}", dice.between(1, 3));
    if (dice.chance(0.2)) text += fmt::format(" priority={}", static_cast<int>(dice.between(0, 6)) - 3);
    if (dice.chance(0.5)) text += fmt::format(" cost={}", dice.between(0, 20));
    if (dice.chance(0.1)) text += fmt::format(" timeout={}", dice.between(5, 20));
    text += "\n";
  }
  return text;
}

SimulatedFaults random_faults(Dice& dice) {
  SimulatedFaults faults;
  faults.seed = dice.next();
  if (dice.chance(0.5)) faults.step_failure = dice.unit() * 0.5;
  if (dice.chance(0.3)) faults.worker_loss = dice.unit();
  if (dice.chance(0.3)) faults.late_join = dice.unit();
  faults.stop = 0.2;
  faults.hold = 0.1;
  faults.horizon_s = 5 + dice.unit() * 100;
  if (dice.chance(0.3)) faults.message_delay_s = dice.unit() * 3;
  if (dice.chance(0.3)) faults.loss_notice_s = dice.unit() * 10;
  if (dice.chance(0.3)) faults.bad_slot = dice.unit() * 0.5;
  faults.kill_grace_s = dice.unit() * 15;
  faults.hostile = dice.chance(0.2);
  if (!faults.hostile && dice.chance(0.2)) faults.message_loss = dice.unit() * dice.unit() * 0.2;
  return faults;
}

World random_world(std::uint64_t seed) {
  Dice dice(seed);
  World world;
  auto& simulation = world.simulation;
  simulation.workers = random_workers(dice);
  world.steps = random_steps(dice, simulation.workers);
  world.options = fmt::format("on-error={} crash-limit={} grace={}", dice.chance(0.1) ? "stop" : "continue",
                              dice.between(1, 3), dice.between(0, 10));
  if (dice.chance(0.3)) world.options += " retry-delay=" + std::to_string(dice.between(1, 5));
  if (dice.chance(0.5)) world.options += " quarantine=" + std::to_string(dice.between(2, 4));
  if (dice.chance(0.15)) world.options += fmt::format(" limit={:.1f}", 5 + dice.unit() * 60);
  if (dice.chance(0.4)) world.options += fmt::format(" prefetch={:.1f}", 1 + dice.unit() * 20);
  simulation.faults = random_faults(dice);
  const auto model_seed = dice.next();
  const bool whole_seconds = dice.chance(0.5);  // many ends at the same moment
  simulation.model = [=](StepIndex step, std::uint32_t attempt) {
    const double seconds = draw_unit({model_seed, step, attempt}) * 12;
    return SimulatedAttempt{whole_seconds ? static_cast<double>(static_cast<int>(seconds)) : seconds, {}};
  };
  simulation.facts_per_wait = dice.between(0, 2);
  simulation.event_limit = 100000;
  return world;
}

/// Empty when all went by the rules; else what did not, and the scenario that shows it.
std::string play(std::uint64_t seed) {
  const auto world = random_world(seed);
  const auto steps = graph(world.steps);
  const auto options = scheduler_options(world.options);
  Scheduler scheduler(steps, options);
  SimulatedCluster cluster(steps, world.simulation);
  Referee referee(steps, options, scheduler);
  ScenarioWriter writer(world.steps, world.options, steps);
  RefereedCluster refereed(cluster, referee);
  std::string broke;
  try {
    run_loop(scheduler, refereed, {&referee, &writer});
    referee.final_whistle();
  } catch (const std::exception& error) {
    broke = std::string("broke off: ") + error.what() + "\n";
  }
  if (broke.empty() && referee.complaints().empty()) return "";
  return broke + referee.report() + "as a scenario:\n" + writer.text();
}

TEST(RandomRuns, keep_every_rule_that_the_referee_knows) {
  const auto runs = number_from_environment("GRADUS_SIM_RUNS", 2000);
  const auto first = number_from_environment("GRADUS_SIM_SEED", 1);
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    const auto wrong = play(seed);
    ASSERT_TRUE(wrong.empty()) << "GRADUS_SIM_SEED=" << seed << " GRADUS_SIM_RUNS=1 shows it again\n" << wrong;
  }
}

TEST(RandomRuns, are_the_same_again_with_the_same_seed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::string stories[2];
    for (auto& story : stories) {
      const auto world = random_world(seed);
      const auto steps = graph(world.steps);
      Scheduler scheduler(steps, scheduler_options(world.options));
      SimulatedCluster cluster(steps, world.simulation);
      ScenarioWriter writer(world.steps, world.options, steps);
      run_loop(scheduler, cluster, {&writer});
      story = writer.text();
    }
    ASSERT_EQ(stories[0], stories[1]) << "seed " << seed;
  }
}

}  // namespace
}  // namespace gradus::support
