// gradus run: from checked input to the exit code.
#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <map>
#include <utility>

#include "cli/commands.h"
#include "cli/input.h"
#include "core/order.h"
#include "core/printable.h"
#include "core/shell_values.h"
#include "gradus/journal.h"
#include "node/allocation.h"
#include "node/clock.h"
#include "node/cores.h"
#include "node/leftovers.h"
#include "node/notifier.h"
#include "node/signals.h"
#include "node/tell.h"
#include "run/journal_reader.h"
#include "run/notices.h"
#include "run/output_archive.h"
#include "run/progress.h"
#include "run/resume.h"
#include "run/run_directory.h"
#include "run/summary.h"

namespace gradus::cli {
namespace {

void say(const std::string& line) { tell(stderr, "gradus: {}\n", printable(line)); }

/// The map of slots, shortened on large machines: `gradus plan` prints all of it.
void print_plan(const Plan& plan) {
  constexpr std::size_t most_lines = 64;
  const auto table = plan_table(plan);
  std::size_t end = 0, lines = 0;
  while (end < table.size() && lines < most_lines) {
    end = std::min(table.find('\n', end), table.size() - 1) + 1;
    ++lines;
  }
  tell(stdout, "{}", table.substr(0, end));
  if (end < table.size()) tell(stdout, "... ({} slots in all; 'gradus plan' prints every one)\n", plan.slot_count());
  for (const auto& note : plan.notes) tell(stdout, "note: {}\n", note);
  std::fflush(stdout);
}

/// How many ranks of one node have GPUs to look at, where there are most.
std::uint32_t most_samplers(const Plan& plan) {
  std::map<std::uint32_t, std::uint32_t> by_node;
  std::uint32_t most = 1;
  for (const auto& rank : plan.ranks) {
    const bool looks = std::ranges::any_of(rank.slots, [](const PlannedSlot& slot) { return !slot.gpus.empty(); });
    if (looks) most = std::max(most, ++by_node[rank.node]);
  }
  return most;
}

RunSettings settings_of(const RunOptions& options, const Plan& plan, const std::string& run_dir) {
  RunSettings settings;
  settings.run_dir = run_dir;
  settings.life = fmt::format("{}.{:.0f}", getpid(), monotonic_s() * 1000);
  settings.shell = options.shell;
  settings.prolog = options.prolog;
  settings.gpu_mask = options.gpu_mask;
  settings.hide_gpus = options.hide_gpus;
  settings.grace_s = options.grace_s;
  settings.bind_cores = options.bind_cores;
  settings.gpu_sampling_s = options.gpu_sampling_s;
  settings.gpu_samplers = most_samplers(plan);
  settings.output = options.output.value_or(OutputKind::steps);
  settings.output_limit = options.output_limit;
  settings.survive = options.survive;
  settings.lost_after_s = options.lost_after_s;
  return settings;
}

bool says_who_shares(const HostGpuList& list) {
  if (list.kind == HostGpuList::Kind::groups) return true;
  const auto repeats = [&](const GpuId& id) { return std::ranges::count(list.ids, id) > 1; };
  return std::ranges::any_of(list.ids, repeats);
}

SlotLayout layout_of(const PlacementOptions& options, bool master_works) {
  SlotLayout layout;
  layout.master_is_a_thread = options.alone && !master_works;
  layout.exclusive = options.sharing == GpuSharing::exclusive;
  layout.list_says_who_shares = says_who_shares(options.list.others);
  for (const auto& host : options.list.hosts) {
    layout.list_says_who_shares = layout.list_says_who_shares || says_who_shares(host.list);
  }
  return layout;
}

RunMode mode_of(const RunOptions& options) {
  return options.resume ? RunMode::resume : options.restart ? RunMode::restart : RunMode::fresh;
}

unsigned terminal_columns() {
  winsize size{};
  if (isatty(2) == 0) return 0;
  return ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

/// `life`: the name of the one that runs.
OutputTail tail_in(const std::string& run_dir, const std::string& life) {
  return [archive = std::make_shared<OutputArchive>(run_dir, 0, life)](StepIndex step, std::uint32_t attempt) {
    constexpr std::size_t most = 5;
    std::vector<std::string> lines;
    for (const auto stream : {Stream::err, Stream::out}) {
      const auto output = lines.empty() ? archive->find(step + 1, attempt, stream) : std::nullopt;
      if (output) lines = last_lines(*output, most);
    }
    return lines;
  };
}

std::string run_directory(const RunOptions& options) {
  return options.run_dir.empty() ? default_run_directory(options.steps) : options.run_dir;
}

/// For what a killed life has left. A signal ends the waiting, with the code of a run that it stopped.
std::function<bool(double)> waiting(SignalRules rules) {
  return [rules, told = false](double waited_s) mutable {
    if (waited_s > 1 && !std::exchange(told, true)) say("waiting until what the last life has left running has ended");
    if (const auto stop = take_stop_request(rules)) {
      say(fmt::format("stopped while it waited for what the last life has left ({})", stop->why));
      throw Leave{stop->signal == SIGINT ? 130 : 75};
    }
    return RunDirectory::waits_long_enough(waited_s);
  };
}

/// mpirun that has lost a rank kills the master a second later: what its guardian then says should name the cause.
class LastWord : public Observer {
 public:
  LastWord(Guardian& guardian, std::string summary) : guardian_(guardian), summary_(std::move(summary)) {}

  void on_fact(const Fact& fact, const Decisions& /*decisions*/, double /*now*/) override {
    const auto* lost = std::get_if<WorkerLost>(&fact);
    if (lost != nullptr) guardian_.change_last_word(summary_, summary_of_a_killed_run(lost->worker));
  }
  void on_time(const Decisions& /*decisions*/, double /*now*/) override {}
  void commit(double /*now*/) override {}

 private:
  Guardian& guardian_;
  std::string summary_;
};

/// What the master holds while it runs.
class Run {
 public:
  Run(Input input, Plan plan, SlotLayout layout, World& world, Words words)
      : input_(std::move(input)),
        plan_(std::move(plan)),
        layout_(layout),
        world_(world),
        words_(std::move(words)),
        directory_(run_directory(input_.options), mode_of(input_.options), waiting(world.signal_rules())),
        settings_(settings_of(input_.options, plan_, directory_.path())) {
    for (const auto& warning : directory_.warnings()) say(warning);
    choose_output();
    start_notifier();
  }
  ~Run() { world_.guardian().forget_last_word(directory_.summary()); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  int run() {
    read_earlier_lives();
    settings_.has_earlier_outputs = directory_.has_outputs();
    SchedulerOptions options;
    options.on_error = input_.options.on_error;
    options.crash_limit = input_.options.crash_limit;
    options.quarantine_after = input_.options.quarantine_after;
    options.retry_delay_s = input_.options.retry_delay_s;
    options.prefetch_s = input_.options.prefetch_s;
    options.grace_s = input_.options.grace_s;
    options.succeeded_before = before_.succeeded_before;
    options.durations_before = earlier_durations(*input_.steps.graph, story_).model;
    set_limit(options);
    Journal journal(directory_.journal(), story_.whole_size, input_.steps.graph, plan_);
    begin_life(journal, options);
    Scheduler scheduler(input_.steps.graph, options);
    Summary summary(input_.steps.graph, plan_);
    const auto trouble = drive(scheduler, journal, summary);
    return finish(scheduler, journal, summary, trouble);
  }

 private:
  /// A summary that says "running" must not stay behind when the journal cannot be begun.
  void begin_life(Journal& journal, const SchedulerOptions& options) {
    try {
      // In this order: killed at any moment, it does not say for ever that a run is under way, and a next life waits
      // for the guardian's word, which would come over its own.
      world_.guardian().hold(RunDirectory::lock_of(directory_.path()), RunDirectory::guardians_byte);
      world_.guardian().set_last_word(directory_.summary(), summary_of_a_killed_run(), false);
      write_atomically(directory_.summary(), summary_of_a_running_run());
      keep_steps();
      journal.begin_life({GRADUS_VERSION, input_.steps_name, input_.steps.graph->step_count(), host_name(), getpid(),
                          command_line(), before_.succeeded_before,
                          options.end_running_at == std::numeric_limits<double>::infinity()
                              ? 0
                              : epoch_s() + options.end_running_at - monotonic_s(),
                          settings_.life});
    } catch (const std::exception& error) {
      say_in_the_summary_that_it_broke_off(error.what());
      throw;
    }
  }

  void say_in_the_summary_that_it_broke_off(const std::string& why) const {
    const auto text = summary_of_a_run_that_broke_off(why);
    try {
      write_atomically(directory_.summary(), text);
    } catch (const std::exception&) {  // the first trouble is the one to tell
      try {
        write_in_place(directory_.summary(), text);
      } catch (const std::exception&) {
      }
    }
  }

  /// Others can read the copy if they could read the file, but never write to it; what came by standard input they
  /// cannot.
  void keep_steps() {
    constexpr const char* endings[] = {".txt", ".jsonl", ".json"};
    const auto& name = input_.options.steps;
    struct stat status {};
    const bool is_file = name != "-" && stat(name.c_str(), &status) == 0;
    directory_.keep_steps(*input_.text, endings[static_cast<int>(steps_format(name))],
                          is_file ? status.st_mode & 0755U : 0600U);
    input_.text.reset();
  }

  /// A million steps must not make a million files unless asked.
  void choose_output() {
    constexpr std::size_t most_with_own_files = 1000;
    if (input_.options.output) return;
    const bool many = input_.steps.graph->step_count() > most_with_own_files;
    settings_.output = many ? OutputKind::packed : OutputKind::steps;
    if (!many) return;
    tell(stdout,
         "output: one file for each rank, since there are more than {} steps; 'gradus logs {} STEP' shows a step's "
         "(--output)\n",
         most_with_own_files, printable(directory_.path()));
  }

  std::vector<std::string> command_line() const {
    std::vector<std::string> all{"gradus", "run"};
    all.insert(all.end(), words_.begin(), words_.end());
    return all;
  }

  /// The limit that was given, else the allocation's end. A little of it is kept for ending what runs and
  /// writing down how it went.
  void set_limit(SchedulerOptions& options) const {
    double left = std::numeric_limits<double>::infinity();
    std::string source = "--time-limit";
    if (input_.options.time_limit_s) {
      left = *input_.options.time_limit_s;
    } else if (const auto end = end_of_allocation()) {
      left = end->epoch_s - static_cast<double>(std::time(nullptr));
      source = end->source;
    }
    if (left == std::numeric_limits<double>::infinity()) return;
    const double reserve = reserve_s(input_.options, left);
    options.end_running_at = monotonic_s() + std::max(0.0, left - reserve);
    options.start_nothing_after = options.end_running_at;
    tell(stdout, "time limit: {} by {}; steps have to end {} before it\n", duration_text(std::max(0.0, left)), source,
         duration_text(reserve));
    std::fflush(stdout);
  }

  void read_earlier_lives() {
    if (!input_.options.resume) return;
    auto story = read_journal(directory_.journal());
    if (!story) return;
    story_ = std::move(*story);
    if (story_.torn_bytes > 0) {
      say(fmt::format("{} bytes of an unfinished last record were cut off the journal", story_.torn_bytes));
    }
    if (story_.lives == 0) return;
    const auto exists = [](const std::string& path) { return access(path.c_str(), F_OK) == 0; };
    before_ = plan_resume(*input_.steps.graph, story_, exists, directory_.path(), directory_.logs_are_aside_until());
    tell(stdout, "resuming: {}\n", before_.in_words());
    if (!before_.is_reordered) return;
    const auto aside = directory_.put_logs_aside(story_.lives);
    tell(stdout, "steps stand elsewhere in the file than before: what earlier lives have written is in {}\n", aside);
  }

  /// Runs until the end; returns what the machine refused, or nothing.
  std::string drive(Scheduler& scheduler, Journal& journal, Summary& summary) {
    Progress progress(scheduler, terminal_columns(), [](const std::string& text) {
      tell(stderr, "{}", text);
      std::fflush(stderr);
    });
    LastWord last_word(world_.guardian(), directory_.summary());
    std::vector<Observer*> observers{&journal, &summary, &last_word};
    if (!input_.options.quiet) observers.push_back(&progress);
    Notices notices(scheduler, [&](const char* event) { notify_of(event, scheduler, summary); });
    if (notifier_) observers.push_back(&notices);
    std::string trouble;
    try {
      const auto cluster = world_.start(input_.steps.graph, plan_, settings_);
      run_loop(scheduler, *cluster, observers);
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    progress.clear();
    return trouble;
  }

  /// What has succeeded by them a next life will find.
  static StepCounts recorded_counts(const Scheduler& scheduler, const Journal& journal) {
    auto counts = scheduler.counts();
    counts.succeeded -= journal.unrecorded_successes();
    counts.waiting += journal.unrecorded_successes();
    return counts;
  }

  int finish(const Scheduler& scheduler, Journal& journal, const Summary& summary, std::string trouble) {
    RunEnd run_end;
    run_end.counts = recorded_counts(scheduler, journal);
    run_end.succeeded_in_this_life = summary.succeeded_in_this_life();
    run_end.stop = scheduler.stop_kind();
    run_end.stop_signal = summary.stop_signal();
    run_end.machine_refused = !trouble.empty();
    run_end.lost_a_rank = summary.lost_a_rank();
    run_end.no_worker_left = summary.no_worker_left();
    run_end.stopped_for_time = scheduler.stopped_for_time();
    if (run_end.lost_a_rank && !input_.options.survive && run_end.counts.waiting + run_end.counts.ready > 0) {
      run_end.machine_refused = true;
      if (trouble.empty()) trouble = "a rank was lost; --survive goes on without it";
    }
    Summary::End end{run_end.counts, before_.kept, exit_code(run_end), input_.options.run_dir, trouble};
    end.run_dir = directory_.path();
    if (scheduler.stopped_on_error())
      end.notes.emplace_back("--on-error stop: nothing was started after the first failure");
    if (run_end.stopped_for_time)
      end.notes.emplace_back("stopped for the time limit: --resume goes on with what is left");
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    end.master_max_rss_kib = static_cast<std::uint64_t>(own.ru_maxrss);
    end.layout = layout_;
    // A summary that says "running" must not stay behind because the journal could not be ended.
    const auto or_trouble = [&end](const auto& act) {
      try {
        act();
      } catch (const std::exception& error) {
        if (end.trouble.empty()) end.trouble = error.what();
        end.exit_code = 3;
      }
    };
    or_trouble([&] { journal.end_life(end.exit_code, end.counts); });
    end.counts = recorded_counts(scheduler, journal);  // a short run looks whether its journal is there only now
    if (const auto unrecorded = journal.unrecorded_successes(); unrecorded > 0) {
      end.notes.push_back(fmt::format("{} step{} succeeded and could not be recorded: --resume runs {} again",
                                      unrecorded, unrecorded == 1 ? "" : "s", unrecorded == 1 ? "it" : "them"));
    }
    or_trouble([&] {
      try {
        write_atomically(directory_.summary(), summary.json(end, tail()));
      } catch (const std::exception& error) {
        say_in_the_summary_that_it_broke_off(end.trouble.empty() ? error.what() : end.trouble);
        throw;
      }
    });
    world_.guardian().forget_last_word(directory_.summary());  // the notifier may take its time
    tell(stdout, "{}{}", summary.text(end, tail()), summary.last_line(end, name_of_run()));
    std::fflush(stdout);
    notify_of_end(summary, end);
    return end.exit_code;
  }

  OutputTail tail() const { return tail_in(directory_.path(), settings_.life); }

  /// As the user would type it.
  std::string name_of_run() const { return run_directory(input_.options); }

  /// What a notifier cannot do is never the run's failure.
  void start_notifier() {
    if (input_.options.notify.empty()) return;
    const auto& environment = world_.environment();
    const auto outer = environment.value(lineage_variable);
    // Not that of a step: else what it leaves behind would be ended with one.
    const auto lineage = lineage_of_rank(settings_.life, 0) + "notify";
    Notifier::Settings settings;
    settings.command = input_.options.notify;
    settings.limit_s = input_.options.notify_limit_s;
    settings.variables = {{"GRADUS_RUN_DIR", directory_.path()},
                          {lineage_variable, outer.empty() ? lineage : fmt::format("{}/{}", outer, lineage)}};
    settings.group_cell = world_.guardian().notifier_cell();
    try {
      notifier_ = std::make_unique<Notifier>(std::move(settings), environment, say);
    } catch (const std::exception& error) {
      say(fmt::format("--notify: nothing will be told: {}", error.what()));
    }
  }

  /// The text is made beside the run, from a copy: outputs may lie on a slow disk.
  void notify_of(const char* event, const Scheduler& scheduler, const Summary& summary) {
    Summary::End now;
    now.counts = scheduler.counts();
    now.succeeded_before = before_.kept;
    now.run_dir = directory_.path();
    now.running = true;
    notifier_->tell(event, [copy = std::make_shared<Summary>(summary), now, life = settings_.life] {
      return copy->json(now, tail_in(now.run_dir, life));
    });
  }

  /// A signal that comes while the run waits for the notifier ends the waiting.
  void notify_of_end(const Summary& summary, const Summary::End& end) {
    if (!notifier_) return;
    notifier_->tell("end", [&] { return summary.json(end, tail()); });
    notifier_->finish([] { return take_stop_request(SignalRules::alone).has_value(); });
  }

  Input input_;
  Plan plan_;
  SlotLayout layout_;
  World& world_;
  Words words_;
  RunDirectory directory_;
  RunSettings settings_;
  JournalStory story_;
  ResumePlan before_;
  std::unique_ptr<Notifier> notifier_;
};

}  // namespace

int run_command(const Words& words, World& world) {
  auto input = read_input(Subcommand::run, words, world.signal_rules());
  const auto options = placement_options(input, world.alone());
  auto plan = make_plan(world.ask(options.use_gpu, input.options.master_works), options);
  auto mistakes = plan.mistakes;
  if (mistakes.empty()) mistakes = check_capacity(*input.steps.graph, worker_shapes(plan));
  for (const auto& rank : plan.ranks) {
    if (rank.slots.size() <= GuardianTable::capacity) continue;
    mistakes.push_back({"", 0, 0,
                        fmt::format("rank {} has {} slots, more than the {} of one rank: fewer threads, or more ranks",
                                    rank.rank, rank.slots.size(), GuardianTable::capacity)});
  }
  if (mistakes.empty()) {
    mistakes = check_shell_values(*input.steps.graph, plan, RunDirectory::absolute(run_directory(input.options)));
  }
  leave_if_wrong(mistakes);
  note_spare_gpus(*input.steps.graph, worker_shapes(plan), plan.notes);
  print_plan(plan);
  try {
    const auto layout = layout_of(options, input.options.master_works);
    return Run(std::move(input), std::move(plan), layout, world, words).run();
  } catch (const RunDirectoryRefused& refused) {
    say(refused.what());
    return 2;
  }
}

}  // namespace gradus::cli
