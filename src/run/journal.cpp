#include "gradus/journal.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_map>

#include "core/json_string.h"
#include "core/step_keys.h"
#include "run/seal.h"

namespace gradus {
namespace {

double epoch_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// JSON knows no infinity: a worker's nonsense must not make the journal unreadable.
double finite(double seconds) { return std::isfinite(seconds) ? seconds : 0; }

std::string json_texts(const std::vector<std::string>& texts) {
  std::string all = "[";
  for (const auto& text : texts) all.append(all.size() > 1 ? "," : "").append(json_string(text));
  return all + "]";
}

}  // namespace

struct Journal::Impl {
  struct Live {
    std::uint32_t attempt;
    WorkerId worker;
  };

  std::string path;
  std::shared_ptr<const Graph> graph;
  const Plan* plan;
  std::vector<StepKey> keys;
  std::string buffer;
  std::vector<std::size_t> successes;     // in the buffer: where the record of each ends
  std::uint64_t written = 0, synced = 0;  // successes: of this life, and those that are sure to be on the disk
  std::uint64_t kept_before = 0;          // from earlier lives
  std::uint64_t unrecorded = 0;
  int fd = -1;
  bool broken = false;
  bool unsynced = false;
  double next_sync = 0;
  std::uint64_t size = 0;                    // of the file: nobody else writes to it
  std::unordered_map<StepIndex, Live> live;  // launched, and neither ended nor lost
  // Told in the record of the end that brought it, not in one of its own.
  const StepSettled* settled_by_end = nullptr;

  ~Impl() {
    if (fd >= 0) close(fd);
  }

  /// `bytes`: so much of the buffer was written. `lost`: successes of what was written before.
  void give_up(std::size_t bytes, std::uint64_t lost) {
    broken = true;
    buffer.clear();
    const auto later =
        std::count_if(successes.begin(), successes.end(), [bytes](std::size_t end) { return end > bytes; });
    unrecorded = lost + static_cast<std::uint64_t>(later);
    successes.clear();
  }
  [[noreturn]] void refuse(const char* call, std::size_t bytes = 0, std::uint64_t lost = 0) {
    const int error = errno;
    give_up(bytes, lost);
    errno = error;
    throw std::system_error(errno, std::generic_category(), std::string(call) + " " + path);
  }

  template <class... T>
  void line(fmt::format_string<T...> format, T&&... values) {
    if (broken) return;  // nobody would ever take it out of the buffer
    const auto begin = buffer.size();
    fmt::format_to(std::back_inserter(buffer), format, std::forward<T>(values)...);
    seal_record(buffer, begin);
  }

  void write_all() {
    if (broken) throw std::system_error(EIO, std::generic_category(), path + " could not be written before");
    std::size_t done = 0;
    while (done < buffer.size()) {
      const ssize_t wrote = write(fd, buffer.data() + done, buffer.size() - done);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) refuse("write", done);
      done += static_cast<std::size_t>(wrote);
    }
    if (done > 0) unsynced = true;
    size += done;
    buffer.clear();
    written += successes.size();
    successes.clear();
  }

  /// Beside the lock of the run directory, whose file somebody may remove (RunDirectory looks at this one). Where files
  /// cannot be locked that has been said.
  void lock() {
    struct flock first {};
    first.l_type = F_WRLCK;
    first.l_whence = SEEK_SET;
    first.l_len = 1;
    if (fcntl(fd, F_OFD_SETLK, &first) != 0 && (errno == EAGAIN || errno == EACCES)) refuse("lock");
  }

  /// What is written to a file that was removed, or whose file system was taken away, nobody will ever read.
  void see_whether_it_is_there() {
    struct stat by_name {
    }, ours{};
    const bool is_there = stat(path.c_str(), &by_name) == 0 && fstat(fd, &ours) == 0 && by_name.st_dev == ours.st_dev &&
                          by_name.st_ino == ours.st_ino;
    if (is_there && static_cast<std::uint64_t>(ours.st_size) >= size) return;
    give_up(0, written + (is_there ? 0 : kept_before));
    throw std::system_error(is_there ? EIO : ENOENT, std::generic_category(),
                            fmt::format("{} was {} while the run wrote to it", path, is_there ? "cut" : "removed"));
  }

  void sync() {
    if (unsynced) see_whether_it_is_there();
    // EINVAL: this file (a pipe, a special file system) has nothing to sync.
    if (unsynced && fdatasync(fd) != 0 && errno != EINVAL) refuse("fdatasync", 0, written - synced);
    synced = written;
    unsynced = false;
  }

  /// Null for a worker that nobody planned: another rank may say nonsense.
  const PlannedRank* rank(WorkerId worker) const {
    return worker < plan->ranks.size() ? &plan->ranks[worker] : nullptr;
  }
  bool is_live(const AttemptEnded& fact) const {
    const auto it = live.find(fact.step);
    return it != live.end() && it->second.attempt == fact.attempt && it->second.worker == fact.worker;
  }

  void record_kept(const std::vector<bool>& kept);
  void record(const WorkerJoined& fact);
  void record(const AttemptEnded& fact);
  void record(const WorkerLost& fact) {
    line(R"({{"gone":{},"t":{:.3f},"why":{}}})", fact.worker, epoch_s(), json_string(fact.why));
  }
  void record(const GpuUse& use);
  void record(const StopRequested& fact);
  void record(const HoldRequested& /*fact*/) {}  // it changes nothing that a later life or a reader would ask for
  void record(const LaunchAttempt& launch);
  void record(const SlotQuarantined& bad);
  void record(const Decisions& decisions);
};

void Journal::Impl::record_kept(const std::vector<bool>& kept) {
  std::vector<std::size_t> ranges;  // first and last ordinals in turn
  std::size_t count = 0;
  for (std::size_t step = 0; step < kept.size(); ++step) {
    if (!kept[step]) continue;
    ++count;
    if (ranges.empty() || ranges.back() != step) ranges.insert(ranges.end(), {step + 1, step + 1});
    ranges.back() = step + 1;
  }
  if (count > 0) line(R"({{"kept":{},"t":{:.3f},"ranges":[{}]}})", count, epoch_s(), fmt::join(ranges, ","));
}

void Journal::Impl::record(const WorkerJoined& fact) {
  const auto* planned = rank(fact.worker);
  if (planned == nullptr) return;
  auto slots = nlohmann::json::array();
  for (const auto& slot : planned->slots) {
    auto gpus = nlohmann::json::array();
    for (const auto& gpu : slot.gpus) gpus.push_back(gpu.identity);
    slots.push_back({{"slot", slot.slot}, {"thread", slot.thread}, {"gpus", gpus}, {"cores", slot.cores}});
  }
  line(R"({{"worker":{},"host":{},"node":{},"local_rank":{},"slots":{}}})", fact.worker, json_string(planned->host),
       planned->node, planned->local_rank, slots.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void Journal::Impl::record(const AttemptEnded& fact) {
  const auto& [outcome, started, ended, usage] = fact.result;
  const bool succeeds = settled_by_end != nullptr && settled_by_end->state == StepState::succeeded;
  if (broken) {
    unrecorded += succeeds ? 1 : 0;
    return;
  }
  if (!is_live(fact)) {
    // Late, doubled or invented. Taken for an end it would make a step that still runs look done.
    return line(R"({{"stray":{},"t":{:.3f},"a":{},"worker":{},"outcome":"{}"}})", std::uint64_t{fact.step} + 1,
                epoch_s(), fact.attempt, fact.worker, word(outcome.kind));
  }
  live.erase(fact.step);
  const auto begin = buffer.size();
  auto out = std::back_inserter(buffer);
  fmt::format_to(out, R"({{"end":{},"t":{:.3f},"a":{},"worker":{},"outcome":"{}")", fact.step + 1, epoch_s(),
                 fact.attempt, fact.worker, word(outcome.kind));
  if (outcome.code != 0) fmt::format_to(out, R"(,"code":{})", outcome.code);
  if (!outcome.detail.empty()) fmt::format_to(out, R"(,"detail":{})", json_string(outcome.detail));
  fmt::format_to(out, R"(,"start":{:.3f},"stop":{:.3f},"user":{:.3f},"sys":{:.3f},"rss":{})", finite(started),
                 finite(ended), finite(usage.user_s), finite(usage.system_s), usage.max_rss_kib);
  if (usage.in_bytes != 0) fmt::format_to(out, R"(,"in":{})", usage.in_bytes);
  if (usage.out_bytes != 0) fmt::format_to(out, R"(,"out":{})", usage.out_bytes);
  record(usage.gpu);
  if (settled_by_end != nullptr) fmt::format_to(out, R"(,"final":"{}")", word(settled_by_end->state));
  buffer += '}';
  seal_record(buffer, begin);
  if (succeeds) successes.push_back(buffer.size());
}

/// Part of the record of an end: what is known, and nothing for the many steps of which nothing is.
void Journal::Impl::record(const GpuUse& use) {
  auto out = std::back_inserter(buffer);
  if (use.samples > 0) {
    fmt::format_to(out, R"(,"gpu_busy":{:.2f},"gpu_samples":{})", finite(double{use.busy}), use.samples);
  }
  if (use.memory_mib > 0) fmt::format_to(out, R"(,"gpu_mem":{})", use.memory_mib);
  if (use.total_mib > 0) fmt::format_to(out, R"(,"gpu_total":{})", use.total_mib);
}

void Journal::Impl::record(const StopRequested& fact) {
  constexpr const char* kinds[] = {"none", "drain", "finish", "cancel", "kill"};
  line(R"({{"stop":"{}","t":{:.3f},"why":{}}})", kinds[static_cast<int>(fact.kind)], epoch_s(), json_string(fact.why));
}

void Journal::Impl::record(const LaunchAttempt& launch) {
  if (broken) return;
  live[launch.step] = {launch.attempt, launch.worker};
  const auto begin = buffer.size();
  auto out = std::back_inserter(buffer);
  fmt::format_to(out, R"({{"launch":{},"t":{:.3f},"a":{},"worker":{},"slots":[{}])", launch.step + 1, epoch_s(),
                 launch.attempt, launch.worker, fmt::join(launch.slots, ","));
  const auto* planned = rank(launch.worker);
  if (planned != nullptr && !launch.gpus.empty()) {
    buffer += R"(,"gpus":[)";
    for (const auto& [slot, gpu] : launch.gpus) {
      if (buffer.back() != '[') buffer += ',';
      buffer += json_string(planned->slots.at(slot).gpus.at(gpu).position);
    }
    buffer += ']';
  }
  if (launch.waits) buffer.append(R"(,"waits":true)");
  if (!launch.with.empty()) fmt::format_to(out, R"(,"with":[{}])", fmt::join(launch.with, ","));
  const auto& key = keys[launch.step];
  fmt::format_to(out, R"(,"key":"{:016x}","digest":"{:016x}")", key.key, key.digest);
  if (const auto id = graph->step(launch.step).id; !id.empty()) buffer.append(R"(,"id":)").append(json_string(id));
  buffer += '}';
  seal_record(buffer, begin);
}

void Journal::Impl::record(const Decisions& decisions) {
  for (const auto& lost : decisions.lost) {
    live.erase(lost.step);
    line(R"({{"lost":{},"t":{:.3f},"a":{},"worker":{}}})", lost.step + 1, epoch_s(), lost.attempt, lost.worker);
  }
  for (const auto& settled : decisions.settled) {
    if (&settled == settled_by_end) continue;
    if (settled.because_of != no_step) {
      line(R"({{"settled":{},"t":{:.3f},"state":"{}","because":{}}})", settled.step + 1, epoch_s(), word(settled.state),
           settled.because_of + 1);
    } else {
      line(R"({{"settled":{},"t":{:.3f},"state":"{}"}})", settled.step + 1, epoch_s(), word(settled.state));
    }
  }
  if (decisions.stopped_by != no_step) {
    line(R"({{"stop":"error","t":{:.3f},"why":{},"step":{}}})", epoch_s(),
         json_string(fmt::format("--on-error stop: {} has failed", graph->name(decisions.stopped_by))),
         decisions.stopped_by + 1);
  }
  for (const auto& bad : decisions.quarantined) record(bad);
  for (const auto& launch : decisions.launches) record(launch);
}

void Journal::Impl::record(const SlotQuarantined& bad) {
  const auto* planned = rank(bad.worker);
  if (planned == nullptr || bad.slot >= planned->slots.size()) return;
  std::vector<std::string> gpus;
  for (const auto& gpu : planned->slots[bad.slot].gpus) gpus.push_back(gpu.identity);
  line(R"({{"quarantined":{},"t":{:.3f},"worker":{},"host":{},"gpus":{},"failures":{}}})",
       planned->slots[bad.slot].slot, epoch_s(), bad.worker, json_string(planned->host), json_texts(gpus),
       bad.failures);
}

Journal::Journal(std::string path, std::uint64_t size, std::shared_ptr<const Graph> graph, const Plan& plan)
    : impl_(std::make_unique<Impl>()) {
  impl_->path = std::move(path);
  impl_->keys = step_keys(*graph);
  impl_->graph = std::move(graph);
  impl_->plan = &plan;
  impl_->fd = open(impl_->path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (impl_->fd < 0) impl_->refuse("open");
  impl_->lock();
  if (ftruncate(impl_->fd, static_cast<off_t>(size)) != 0) impl_->refuse("ftruncate");
  impl_->size = size;
}

Journal::~Journal() = default;

void Journal::begin_life(const LifeRecord& life) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  impl_->line(
      R"({{"life":{},"t":{:.3f},"at":"{:%FT%TZ}","gradus":{},"steps":{},"count":{},"host":{},"pid":{},"argv":{}{}{}}})",
      journal_version, epoch_s(), fmt::gmtime(now), json_string(life.program_version), json_string(life.steps_file),
      life.step_count, json_string(life.host), life.pid, json_texts(life.command_line),
      life.until > 0 ? fmt::format(R"(,"until":{:.3f})", life.until) : "",
      life.name.empty() ? "" : R"(,"name":)" + json_string(life.name));
  impl_->kept_before = static_cast<std::uint64_t>(std::count(life.kept.begin(), life.kept.end(), true));
  impl_->record_kept(life.kept);
  impl_->write_all();
  impl_->sync();
}

void Journal::end_life(int exit_code, const StepCounts& counts) {
  impl_->line(R"({{"over":{},"t":{:.3f},"succeeded":{},"failed":{},"skipped":{},"waiting":{}}})", exit_code, epoch_s(),
              counts.succeeded, counts.failed, counts.skipped, counts.waiting + counts.ready);
  impl_->write_all();
  impl_->sync();
}

void Journal::on_fact(const Fact& fact, const Decisions& decisions, double /*now*/) {
  impl_->settled_by_end = nullptr;
  if (const auto* end = std::get_if<AttemptEnded>(&fact)) {
    for (const auto& settled : decisions.settled) {
      if (settled.step == end->step) impl_->settled_by_end = &settled;
    }
  }
  std::visit([this](const auto& one) { impl_->record(one); }, fact);
  impl_->record(decisions);
}

void Journal::on_time(const Decisions& decisions, double /*now*/) {
  impl_->settled_by_end = nullptr;
  impl_->record(decisions);
}

void Journal::commit(double now) {
  impl_->write_all();
  if (now < impl_->next_sync) return;
  impl_->sync();
  impl_->next_sync = now + 2;
}

std::uint64_t Journal::unrecorded_successes() const { return impl_->unrecorded; }

double Journal::next_wish(double /*now*/) const {
  return impl_->unsynced && !impl_->broken ? impl_->next_sync : std::numeric_limits<double>::infinity();
}

}  // namespace gradus
