#include "node/slot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/launcher_environment.h"
#include "core/log_names.h"
#include "gradus/attempt.h"
#include "node/clock.h"
#include "node/patience.h"
#include "node/short_turns.h"

namespace gradus {
namespace {

constexpr int most_cpus = 1 << 16;

/// By the step, that is: what the launcher put in does not reach it.
bool is_inherited(std::string_view name) {
  return !is_launcher_variable(name) && getenv(std::string(name).c_str()) != nullptr;
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string in_folder(const std::string& folder, const std::string& path) {
  return folder.empty() || path.starts_with('/') ? path : folder + "/" + path;
}

/// MAX_ARG_STRLEN and ARG_MAX of execve(2): one word, and all words with the environment.
std::string too_big(const PreparedCommand& command) {
  std::size_t longest = 0;
  for (const auto& word : command.argv) longest = std::max(longest, word.size());
  for (const auto& [name, value] : command.env) longest = std::max(longest, name.size() + 1 + value.size());
  constexpr std::size_t most_in_a_word = 128 * 1024 - 1;
  if (longest <= most_in_a_word) {
    return fmt::format(" (at most {} bytes of words and environment together)", sysconf(_SC_ARG_MAX));
  }
  return fmt::format(" (a word of {} bytes, at most {}{})", longest, most_in_a_word,
                     command.by_shell ? "; write the command into a script" : "");
}

Outcome could_not_start(const StartFailure& failure, const PreparedCommand& command) {
  auto object = std::string_view(failure.call) == "chdir" ? command.cwd : command.argv.front();
  // It goes to the terminal, the journal and the summary, and can be megabytes of a file that is no steps file.
  constexpr std::size_t longest = 1000;
  if (object.size() > longest) object.replace(longest, std::string::npos, "...");
  auto what = std::string(failure.call) + " " + object + ": " + strerrordesc_np(failure.error);
  if (failure.error == E2BIG) what += too_big(command);
  if (failure.error == EAGAIN)
    what += ", tried for " + std::to_string(static_cast<int>(patience_s)) + " s (ulimit -u?)";
  return {OutcomeKind::could_not_start, failure.error, what};
}

/// The host file of an attempt over several nodes, in the form of Open MPI (and of MPICH's `-f` for one slot each);
/// it goes when the attempt has ended.
class HostFile {
 public:
  HostFile(const AttemptOrder& order, const std::string& run_dir) {
    if (order.hosts.empty()) return;
    path_ = run_dir + "/" + host_file_name(order.step + 1, order.attempt);
    const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    FILE* file = fd >= 0 ? fdopen(fd, "w") : nullptr;
    if (file == nullptr) {
      error_ = errno;
      return;
    }
    for (const auto& [host, slots] : order.hosts) fprintf(file, "%s slots=%u\n", host.c_str(), slots);
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) error_ = errno != 0 ? errno : EIO;
  }
  ~HostFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  HostFile(const HostFile&) = delete;
  HostFile& operator=(const HostFile&) = delete;

  int error() const { return error_; }
  std::string what() const { return "its host file " + path_ + ": " + strerrordesc_np(error_); }

 private:
  std::string path_;
  int error_ = 0;
};

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

Usage usage_of(const rusage& used) {
  constexpr std::uint64_t block = 512;
  return {.user_s = seconds(used.ru_utime),
          .system_s = seconds(used.ru_stime),
          .max_rss_kib = static_cast<std::uint64_t>(used.ru_maxrss),
          .in_bytes = static_cast<std::uint64_t>(used.ru_inblock) * block,
          .out_bytes = static_cast<std::uint64_t>(used.ru_oublock) * block,
          .gpu = {}};
}

}  // namespace

Slot::Slot(const SlotSurroundings& around, std::uint32_t index, std::atomic<pid_t>* group_cell)
    : around_(around),
      group_cell_(group_cell),
      files_(around.settings, around.rank.rank, index, around.null_fd, *around.pack),
      thread_([this] { run(); }) {}

Slot::~Slot() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  kill_all(true);
  changed_.notify_all();
  thread_.join();
}

void Slot::launch(AttemptOrder order) {
  {
    const std::lock_guard lock(mutex_);
    const bool waits = busy_ || !queue_.empty();
    if (waits) around_.waiting->fetch_add(1);
    queue_.push_back({std::move(order), false, waits});
    if (busy_) return;  // its thread looks here before it sleeps
  }
  changed_.notify_one();
}

bool Slot::call_back(std::uint32_t step, std::uint32_t attempt) {
  {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(queue_.begin(), queue_.end(), [&](const Waiting& waiting) {
      return waiting.order.step == step && waiting.order.attempt == attempt;
    });
    if (it == queue_.end()) return false;
    if (it->waits) around_.waiting->fetch_sub(1);
    queue_.erase(it);
  }
  AttemptEnded ended{step, attempt, around_.rank.rank, {}};
  ended.result.outcome = cancelled_before_start();
  ended.result.started_at = ended.result.ended_at = epoch_s();
  around_.ended(std::move(ended), false);
  return true;
}

bool Slot::kill(std::uint32_t step, std::uint32_t attempt, bool at_once) {
  const std::lock_guard lock(mutex_);
  if (busy_ && step_ == step && attempt_ == attempt) {
    end_now(EndReason::cancelled, at_once);
    return true;
  }
  for (auto& waiting : queue_) {
    if (waiting.order.step != step || waiting.order.attempt != attempt) continue;
    waiting.cancelled = true;
    return true;
  }
  return false;
}

void Slot::kill_all(bool at_once) {
  const std::lock_guard lock(mutex_);
  for (auto& waiting : queue_) waiting.cancelled = true;
  if (busy_) end_now(EndReason::cancelled, at_once);
}

bool Slot::busy() {
  const std::lock_guard lock(mutex_);
  return busy_ || !queue_.empty();
}

/// Called with the mutex held. The child may not be there yet: then start() sees the reason.
void Slot::end_now(EndReason reason, bool at_once) {
  if (reason_ == EndReason::none) reason_ = reason;
  if (at_once) {
    kill_at_ = monotonic_s();
  } else if (kill_at_ == never) {
    kill_at_ = monotonic_s() + around_.settings.grace_s;
  }
  time_limit_at_ = never;
  if (group_ > 0) {
    ::kill(-group_, at_once ? SIGKILL : SIGTERM);
    ::kill(-group_, SIGCONT);  // a stopped process acts on TERM only when it goes on
  }
  around_.deadline_changed();
}

double Slot::deadline() {
  const std::lock_guard lock(mutex_);
  return busy_ && group_ > 0 ? std::min(time_limit_at_, kill_at_) : never;
}

void Slot::act_on_deadline(double now) {
  const std::lock_guard lock(mutex_);
  if (!busy_ || group_ == 0) return;
  if (now >= kill_at_) {
    ::kill(-group_, SIGKILL);
    kill_at_ = never;
  } else if (now >= time_limit_at_) {
    end_now(EndReason::timed_out, false);
  }
}

bool Slot::asked_to_end() {
  const std::lock_guard lock(mutex_);
  return reason_ != EndReason::none;
}

void Slot::run() {
  ShortTurns turns;
  turns.want(true);
  for (;;) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      next = std::move(queue_.front());
      queue_.pop_front();
      if (next.waits) around_.waiting->fetch_sub(1);
      busy_ = true;
      step_ = next.order.step;
      attempt_ = next.order.attempt;
      reason_ = next.cancelled ? EndReason::cancelled : EndReason::none;
      time_limit_at_ = kill_at_ = never;
    }
    AttemptEnded ended{next.order.step, next.order.attempt, around_.rank.rank, {}};
    try {
      ended.result = execute(next.order);
    } catch (const std::exception& error) {  // no memory left to prepare it: its own outcome, not the rank's end
      ended.result.outcome = {OutcomeKind::could_not_start, ENOMEM, error.what()};
    }
    bool later = ended.result.outcome.succeeded() && !next.order.is_awaited;
    {
      const std::lock_guard lock(mutex_);
      busy_ = false;
      later = later && !queue_.empty();
    }
    around_.ended(std::move(ended), later);
  }
}

AttemptResult Slot::execute(const AttemptOrder& order) {
  AttemptResult result;
  await_outputs_of_prerequisites(order);
  result.started_at = epoch_s();
  const double began = monotonic_s();
  const auto command = prepare(order, around_.rank, around_.settings, is_inherited);
  if (!command.mistake.empty()) {
    result.outcome = {OutcomeKind::could_not_start, EINVAL, command.mistake};
  } else if (asked_to_end()) {
    result.outcome = cancelled_before_start();
  } else {
    result.outcome = execute_prepared(order, command, result.usage);
  }
  result.ended_at = result.started_at + (monotonic_s() - began);  // the wall clock may have been set in between
  return result;
}

/// A shared file system can show a file late that another node has written.
void Slot::await_outputs_of_prerequisites(const AttemptOrder& order) {
  const double until = monotonic_s() + 30;
  for (const auto& path : order.awaited) {
    if (around_.looked_for->has(path)) continue;
    while (!exists(path) && monotonic_s() < until && !asked_to_end()) {
      // Opening the folder makes an NFS client ask its server again.
      const auto folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 0));
      const int fd =
          open(path.find('/') == std::string::npos ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (fd >= 0) close(fd);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    if (asked_to_end()) return;  // it was not waited for
    // There, or gone for good (removed by a step that needs it no more): the next one must not wait for it again.
    around_.looked_for->add(path);
  }
}

/// A child starts with the affinity of the thread that starts it. Where slots have to share cores (fewer
/// cores than slots), binding would only keep a step from a core that is idle at the moment.
void Slot::bind_to_cores(const AttemptOrder& order) {
  if (!around_.settings.bind_cores || around_.rank.slots_share_cores) return;
  cpu_set_t* set = CPU_ALLOC(most_cpus);
  const auto size = CPU_ALLOC_SIZE(most_cpus);
  CPU_ZERO_S(size, set);
  for (const auto slot : order.slots) {
    for (const auto core : around_.rank.slots[slot].cores) CPU_SET_S(core, size, set);
  }
  // A core that has gone offline since is no reason not to run.
  sched_setaffinity(0, size, set);
  CPU_FREE(set);
}

Outcome Slot::execute_prepared(const AttemptOrder& order, const PreparedCommand& command, Usage& usage) {
  const HostFile hosts(order, around_.settings.run_dir);
  if (hosts.error() != 0) return {OutcomeKind::could_not_start, hosts.error(), hosts.what()};
  bind_to_cores(order);
  files_.begin(order);
  {
    const std::lock_guard lock(mutex_);
    output_ = &files_;
    if (order.timeout_s > 0) time_limit_at_ = monotonic_s() + order.timeout_s;
  }
  StartFailure failure;
  around_.running->fetch_add(1);
  const pid_t pid = start(order, command, failure);
  int status = 0;
  bool all_ended = true;
  if (pid >= 0) {
    if (around_.sampler != nullptr) around_.sampler->began(order.slots.front(), order.gpus);
    status = wait_for_end(pid, usage);
    if (around_.sampler != nullptr) usage.gpu = around_.sampler->ended(order.slots.front());
    all_ended = end_leftovers(order);
  }
  around_.running->fetch_sub(1);
  {
    const std::lock_guard lock(mutex_);
    output_ = nullptr;
  }
  auto outcome = pid >= 0         ? outcome_of(status, order, command)
                 : asked_to_end() ? cancelled_before_start()
                                  : could_not_start(failure, command);
  const auto remark = files_.end(order, outcome.succeeded());
  const auto say = [&outcome](const std::string& what) {
    if (outcome.detail.empty()) outcome.detail = what;
  };
  if (!all_ended) say("it left processes behind that KILL did not end");
  say(remark);
  return outcome;
}

/// The environment, the words, and then the child itself.
pid_t Slot::start(const AttemptOrder& order, const PreparedCommand& command, StartFailure& failure) {
  auto variables = command.env;
  const auto outer = around_.environment->value(lineage_variable);
  auto lineage = lineage_of_attempt(around_.lineage, order.step, order.attempt);
  variables.emplace_back(lineage_variable, outer.empty() ? lineage : fmt::format("{}/{}", outer, lineage));
  std::vector<std::string> storage;
  const auto environment = around_.environment->with(variables, storage);
  std::vector<const char*> argv;
  for (const auto& word : command.argv) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  ChildSpec spec;
  spec.argv = argv.data();
  spec.envp = environment.data();
  for (const char* variable : environment) {
    if (variable != nullptr && strncmp(variable, "PATH=", 5) == 0) spec.path = variable + 5;
  }
  spec.cwd = command.cwd.empty() ? nullptr : command.cwd.c_str();
  spec.stdin_fd = around_.null_fd;
  spec.stdout_fd = files_.out_fd();
  spec.stderr_fd = files_.err_fd();
  spec.group_cell = group_cell_;
  spec.descriptors = around_.step_descriptors;
  pid_t pid = -1;
  with_patience(
      [&] {
        pid = start_child(spec, stack_, failure);
        return pid < 0 ? failure.error : 0;
      },
      [this] { return asked_to_end(); });
  if (pid < 0) return pid;
  const std::lock_guard lock(mutex_);
  group_ = pid;
  if (reason_ != EndReason::none) {
    end_now(reason_, kill_at_ <= monotonic_s());  // asked to end while it was being started
  } else if (time_limit_at_ != never) {
    around_.deadline_changed();
  }
  return pid;
}

/// Those in sessions of their own; what was in its group is dead already.
bool Slot::end_leftovers(const AttemptOrder& order) {
  const auto lineage = lineage_of_attempt(around_.lineage, order.step, order.attempt);
  const auto is_alone = [this] { return around_.running->load() == 1; };
  return around_.leftovers->end(lineage, is_alone, std::max(around_.settings.grace_s, 1.0));
}

void Slot::watch_output() {
  const std::lock_guard lock(mutex_);
  if (output_ != nullptr) output_->keep_below_limit();
}

int Slot::wait_for_end(pid_t pid, Usage& usage) {
  // Not reaped yet: as long as the zombie is there its number, and so the group's, cannot be given away.
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  {
    const std::lock_guard lock(mutex_);
    group_ = 0;
  }
  // What the step left behind in its group would go on using its GPU beside the next step.
  ::kill(-pid, SIGKILL);
  if (group_cell_ != nullptr) group_cell_->store(0, std::memory_order_release);
  int status = 0;
  rusage used{};
  while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  usage = usage_of(used);
  return status;
}

Outcome Slot::outcome_of(int status, const AttemptOrder& order, const PreparedCommand& command) {
  const auto reason = [this] {
    const std::lock_guard lock(mutex_);
    return reason_;
  }();
  if (reason == EndReason::timed_out) return {OutcomeKind::timed_out, 0, ""};
  if (WIFSIGNALED(status)) {
    if (reason == EndReason::cancelled) return {OutcomeKind::cancelled, WTERMSIG(status), ""};
    return {OutcomeKind::signal, WTERMSIG(status), WCOREDUMP(status) ? "core dumped" : ""};
  }
  if (WEXITSTATUS(status) != 0) {
    if (reason == EndReason::cancelled) return {OutcomeKind::cancelled, WEXITSTATUS(status), ""};
    return {OutcomeKind::exit_code, WEXITSTATUS(status), ""};
  }
  const auto missing = std::find_if_not(order.creates.begin(), order.creates.end(),
                                        [&](const auto& path) { return exists(in_folder(command.cwd, path)); });
  // A program that was told to end may save how far it has come and exit with 0: only its outputs can say that it was
  // done.
  if (reason == EndReason::cancelled && (order.creates.empty() || missing != order.creates.end())) {
    return {OutcomeKind::cancelled, 0, ""};
  }
  if (missing != order.creates.end()) return {OutcomeKind::output_missing, 0, *missing};
  return {};
}

}  // namespace gradus
