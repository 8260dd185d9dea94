// gradus simulate: what a run of these steps on so many nodes would come to.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "cli/commands.h"
#include "cli/input.h"
#include "core/order.h"
#include "core/printable.h"
#include "core/slot_choice.h"
#include "node/tell.h"
#include "run/resume.h"
#include "run/run_directory.h"
#include "run/summary.h"
#include "sim/equal_nodes.h"
#include "sim/node_sweep.h"
#include "sim/prediction.h"

namespace gradus::cli {
namespace {

/// Above this a sweep takes so long that it has to be asked for.
constexpr std::size_t most_steps_swept_unasked = 50000;
constexpr std::uint32_t most_nodes_swept = 1U << 17;

/// `12.3 s` where the run's own words would be too coarse.
std::string time_text(double seconds) {
  return seconds < 100 ? fmt::format("{:.{}f} s", seconds, seconds < 10 ? 2 : 1) : duration_text(seconds);
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

class Simulator {
 public:
  explicit Simulator(Input input) : input_(std::move(input)), graph_(input_.steps.graph) {
    check_options();
    rules_.message_delay_s = options().simulate.delay_s;
    rules_.retry_delay_s = options().retry_delay_s;
    learn();
    for (StepIndex step = 0; step < graph_->step_count(); ++step) {
      most_cpus_ = std::max(most_cpus_, demand_of(*graph_, step).cpus);
    }
  }

  int run() {
    const auto nodes = options().simulate.nodes;
    Diagnostics mistakes;
    const auto workers = workers_on(nodes, mistakes);
    leave_if_wrong(mistakes);
    const auto prediction = as_asked(workers);
    NodeSweep sweep;
    if (options().simulate.sweep || graph_->step_count() <= most_steps_swept_unasked) {
      sweep = sweep_nodes([this](std::uint32_t count) { return try_on(count); }, most_nodes_swept);
      sweep.by_nodes.try_emplace(nodes, on(workers));
    }
    fmt::print("{}", options().json ? json(prediction, sweep) : text(prediction, sweep));
    return 0;
  }

 private:
  const RunOptions& options() const { return input_.options; }

  void check_options() {
    auto& o = input_.options;
    Diagnostics mistakes;
    if (!o.simulate.gpus_per_node && any_step_uses_gpu(*graph_) && o.use_gpu.value_or(true)) {
      mistakes.push_back({"", 0, 0, "steps use GPUs: say --gpus-per-node G"});
    }
    if (o.simulate.slots_per_gpu) {
      const auto slots = std::uint64_t{*o.simulate.slots_per_gpu} * o.simulate.gpus_per_node.value_or(0);
      const auto ranks = o.simulate.ranks_per_node;
      if (o.threads) mistakes.push_back({"", 0, 0, "--slots-per-gpu and --threads exclude each other"});
      if (slots == 0) mistakes.push_back({"", 0, 0, "--slots-per-gpu needs --gpus-per-node of at least 1"});
      if (slots % ranks != 0) {
        mistakes.push_back({"", 0, 0,
                            fmt::format("{} slots of a node cannot be shared out evenly to its {} ranks: change "
                                        "--ranks-per-node or --slots-per-gpu",
                                        slots, ranks)});
      }
      o.threads = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, slots / ranks));
    }
    leave_if_wrong(mistakes);
  }

  /// What cannot be read is as good as none: nobody has to have an earlier run. `is_asked_for`: damage is not.
  static std::optional<JournalStory> journal_there(const std::string& path, bool is_asked_for) {
    try {
      return read_journal(path);
    } catch (const std::system_error&) {
      return std::nullopt;
    } catch (const std::exception& error) {
      if (is_asked_for) throw;
      tell(stderr, "gradus: warning: no durations are learnt from there: {}\n", printable(error.what()));
      return std::nullopt;
    }
  }

  /// From the run directory: it may be in use, since nothing is written there.
  void learn() {
    const auto& asked = options().simulate.durations;
    if (asked == "none") {
      expected_ = expect_durations(*graph_, {}, {});
      return;
    }
    const auto by_default = options().run_dir.empty() ? default_run_directory(options().steps) : options().run_dir;
    const auto path = (asked.empty() ? by_default : asked) + "/journal.jsonl";
    const bool is_asked_for = !asked.empty() || options().resume;
    const auto story = journal_there(path, is_asked_for);
    if (!story && is_asked_for) {
      leave_if_wrong({{path, 0, 0, "cannot be read: --durations names a run directory, or none"}});
    }
    auto earlier = story ? earlier_durations(*graph_, *story) : EarlierDurations();
    expected_ = expect_durations(*graph_, std::move(earlier.model), earlier.of_step);
    if (expected_.learnt > 0) source_ = path;
    if (!options().resume) return;
    const auto exists = [](const std::string& output) { return access(output.c_str(), F_OK) == 0; };
    const auto before = plan_resume(*graph_, story ? *story : JournalStory(), exists, path.substr(0, path.rfind('/')));
    rules_.succeeded_before = before.succeeded_before;
    kept_ = before.kept;
  }

  Plan plan_of(std::uint32_t nodes, std::uint32_t cores) const {
    const auto& simulate = options().simulate;
    const EqualNodes machine{nodes, simulate.ranks_per_node, simulate.gpus_per_node.value_or(0), cores,
                             options().master_works};
    return make_plan(reports_of(machine), placement_options(input_, false));
  }

  Workers workers_on(std::uint32_t nodes, Diagnostics& mistakes) const {
    const auto& simulate = options().simulate;
    // All ranks know all GPUs of their node: more than that is a slip, and would not fit into memory.
    constexpr double most = 1e6;
    const double each = std::max({1.0, static_cast<double>(simulate.gpus_per_node.value_or(0)),
                                  static_cast<double>(options().threads.value_or(0))});
    if (each * nodes * simulate.ranks_per_node > most) {
      mistakes.push_back(
          {"", 0, 0,
           fmt::format("{} nodes with {} ranks each, of {} GPUs or threads, are more than can be simulated", nodes,
                       simulate.ranks_per_node, each)});
      return {};
    }
    const auto slots_of_a_node = static_cast<std::uint32_t>(plan_of(1, 0).slot_count());
    const auto cores = options().simulate.cores_per_node.value_or(slots_of_a_node * std::max(1U, most_cpus_));
    const auto plan = plan_of(nodes, cores);
    mistakes = plan.mistakes;
    auto workers = worker_shapes(plan);
    if (mistakes.empty()) mistakes = check_capacity(*graph_, workers);
    return workers;
  }

  Prediction on(const Workers& workers) const { return predict(graph_, workers, expected_, rules_); }

  /// How many nodes are enough is asked without a limit: so one sees on how many all steps would keep it.
  Prediction as_asked(const Workers& workers) const {
    auto rules = rules_;
    rules.on_error = options().on_error;
    const double limit = options().time_limit_s.value_or(rules.end_running_at);
    if (limit < rules.end_running_at) rules.end_running_at = limit - reserve_s(options(), limit);
    return predict(graph_, workers, expected_, rules);
  }

  std::optional<Prediction> try_on(std::uint32_t nodes) {
    Diagnostics mistakes;
    const auto workers = workers_on(nodes, mistakes);
    if (!mistakes.empty()) return std::nullopt;
    return on(workers);
  }

  std::string durations_text() const {
    std::vector<std::string> parts;
    if (expected_.by_cost > 0) parts.push_back(fmt::format("{} by their cost", expected_.by_cost));
    if (expected_.learnt > 0) parts.push_back(fmt::format("{} learnt from {}", expected_.learnt, source_));
    if (expected_.guessed > 0) {
      parts.push_back(fmt::format("{} guessed, {} each", expected_.guessed, time_text(expected_.guess_s)));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
  }

  static const char* limit_in_words(const LowerBound& bound) {
    if (bound.work_s >= bound.path_s) return bound.by_gpu_slots ? "work over GPU slots" : "work over slots";
    return bound.longest_step_s >= bound.path_s ? "the longest step" : "the longest chain of steps";
  }

  static std::string bound_text(const Prediction& p) {
    return fmt::format("  at best    {}, by {} (work over slots {}, longest chain {}, longest step {}){}\n",
                       time_text(p.bound.seconds()), limit_in_words(p.bound), time_text(p.bound.work_s),
                       time_text(p.bound.path_s), time_text(p.bound.longest_step_s),
                       p.left() > 0 ? "" : fmt::format("; predicted is {:.3f} of it", p.over_bound()));
  }

  static std::string use_text(const Prediction& p) {
    std::string text = "  slots busy ";
    if (p.slots.gpu > 0) text += fmt::format("{} of {} with GPUs", percent(p.gpu_use()), p.slots.gpu);
    if (p.slots.gpu > 0 && p.slots.cpu > 0) text += ", ";
    if (p.slots.cpu > 0) text += fmt::format("{} of {} without", percent(p.cpu_use()), p.slots.cpu);
    const double share = p.makespan_s > 0 ? p.tail_s() / p.makespan_s : 0;
    return text + fmt::format("\n  tail       the last {} ({}): fewer than 90 % of the slots are busy\n",
                              time_text(p.tail_s()), percent(share));
  }

  static std::string trouble_text(const Prediction& p) {
    if (p.counts.failed + p.counts.skipped == 0) return "";
    return fmt::format("  trouble    {} steps reach their timeout and fail, {} are skipped because of them\n",
                       p.counts.failed, p.counts.skipped);
  }

  std::string left_text(const Prediction& p) const {
    if (p.left() == 0) return "";
    const auto why = p.is_cut_off ? fmt::format("for the time limit ({})", time_text(*options().time_limit_s))
                                  : std::string("after the first failure (--on-error stop)");
    return fmt::format("  left       {} steps would be left {}\n", p.left(), why);
  }

  static std::string advice(const NodeSweep& sweep) {
    if (sweep.enough_nodes == 0) return "";
    const auto& enough = sweep.by_nodes.at(sweep.enough_nodes);
    const auto& best = sweep.by_nodes.at(sweep.best_nodes);
    auto text = fmt::format("  enough     {} node{}: {}, within 5 % of the best of all ({} on {}); more is waste\n",
                            enough.nodes, enough.nodes == 1 ? "" : "s", time_text(enough.makespan_s),
                            time_text(best.makespan_s), best.nodes);
    if (sweep.worthwhile_nodes == 0) return text;
    return text +
           fmt::format("  doubling   made it at least 1.5 times as fast up to {} nodes\n", sweep.worthwhile_nodes);
  }

  static std::string sweep_table(const NodeSweep& sweep) {
    std::string table = fmt::format("\n{:>7} {:>8} {:>14} {:>12} {:>9} {:>12}\n", "nodes", "slots", "predicted",
                                    "at best", "busy", "node hours");
    for (const auto& [nodes, p] : sweep.by_nodes) {
      const double busy =
          p.makespan_s > 0 ? (p.gpu_busy_s + p.cpu_busy_s) / (p.makespan_s * static_cast<double>(p.slots.all())) : 0;
      table += fmt::format("{:>7} {:>8} {:>14} {:>12} {:>9} {:>12.2f}\n", nodes, p.slots.all(), time_text(p.makespan_s),
                           time_text(p.bound.seconds()), percent(busy), nodes * p.makespan_s / 3600);
    }
    return table;
  }

  std::string text(const Prediction& p, const NodeSweep& sweep) const {
    const auto plural = [](std::uint64_t count) { return count == 1 ? "" : "s"; };
    const auto steps = graph_->step_count(), slots = p.slots.all();
    auto text = fmt::format("{}: {} step{} on {} node{} with {} slot{}\n", printable(input_.steps_name), steps,
                            plural(steps), p.nodes, plural(p.nodes), slots, plural(slots));
    if (kept_ > 0) text += fmt::format("  done       {} steps succeeded before and are left out\n", kept_);
    text += fmt::format("  durations  {}\n", durations_text());
    text += fmt::format("  predicted  {}\n", time_text(p.makespan_s));
    text += bound_text(p) + use_text(p) + trouble_text(p) + left_text(p) + advice(sweep);
    if (sweep.by_nodes.empty()) text += "  enough     not looked for with so many steps: --sweep\n";
    if (options().simulate.sweep) text += sweep_table(sweep);
    return text;
  }

  static nlohmann::json json_of(const Prediction& p) {
    return {{"nodes", p.nodes},
            {"gpu_slots", p.slots.gpu},
            {"cpu_slots", p.slots.cpu},
            {"makespan_s", p.makespan_s},
            {"bound", limit_in_words(p.bound)},
            {"bound_s", p.bound.seconds()},
            {"work_over_slots_s", p.bound.work_s},
            {"longest_chain_s", p.bound.path_s},
            {"longest_step_s", p.bound.longest_step_s},
            {"gpu_slots_busy", p.gpu_use()},
            {"cpu_slots_busy", p.cpu_use()},
            {"tail_s", p.tail_s()},
            {"succeeded", p.counts.succeeded},
            {"failed", p.counts.failed},
            {"skipped", p.counts.skipped},
            {"left", p.left()}};
  }

  std::string json(const Prediction& p, const NodeSweep& sweep) const {
    nlohmann::json document{{"version", 1},
                            {"steps", graph_->step_count()},
                            {"done_before", kept_},
                            {"durations",
                             {{"by_cost", expected_.by_cost},
                              {"learnt", expected_.learnt},
                              {"guessed", expected_.guessed},
                              {"guess_s", expected_.guess_s}}},
                            {"prediction", json_of(p)}};
    if (sweep.enough_nodes > 0) {
      document["enough_nodes"] = sweep.enough_nodes;
      document["best_nodes"] = sweep.best_nodes;
      document["worthwhile_nodes"] = sweep.worthwhile_nodes;
      auto& rows = document["sweep"] = nlohmann::json::array();
      for (const auto& [nodes, row] : sweep.by_nodes) rows.push_back(json_of(row));
    }
    return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }

  Input input_;
  std::shared_ptr<const Graph> graph_;
  ExpectedDurations expected_;
  std::string source_;
  PredictionOptions rules_;
  std::size_t kept_ = 0;
  std::uint32_t most_cpus_ = 0;
};

}  // namespace

int simulate_command(const Words& words) { return Simulator(read_input(Subcommand::simulate, words)).run(); }

}  // namespace gradus::cli
