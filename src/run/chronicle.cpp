#include "run/chronicle.h"

#include <algorithm>
#include <charconv>

namespace gradus {

struct Chronicle::StepNow {
  StepStanding standing = StepStanding::untouched;
  std::uint32_t latest = 0;  // attempt, as an index + 1; 0: none
};

/// In pages, since the number of steps is only what the file says: what it does not touch costs nothing.
class Chronicle::Steps {
 public:
  StepNow& at(std::uint32_t ordinal) {
    const auto page = ordinal / page_size;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) pages_[page] = std::make_unique<StepNow[]>(page_size);
    return pages_[page][ordinal % page_size];
  }
  const StepNow* known(std::uint32_t ordinal) const {
    const auto page = ordinal / page_size;
    return page < pages_.size() && pages_[page] ? &pages_[page][ordinal % page_size] : nullptr;
  }
  void clear() { pages_.clear(); }

 private:
  static constexpr std::uint32_t page_size = 4096;
  std::vector<std::unique_ptr<StepNow[]>> pages_;
};

std::uint64_t LifeStory::kept_count() const {
  std::uint64_t count = 0;
  for (const auto& range : kept) count += range.second - range.first + 1;
  return count;
}

bool LifeStory::is_kept(std::uint32_t ordinal) const {
  const auto behind = std::upper_bound(kept.begin(), kept.end(), ordinal,
                                       [](std::uint32_t wanted, const auto& range) { return wanted < range.first; });
  return behind != kept.begin() && ordinal <= std::prev(behind)->second;
}

Chronicle::Chronicle() : steps_(std::make_unique<Steps>()), ids_(1, '\0') {}
Chronicle::~Chronicle() = default;

Chronicle::StepNow& Chronicle::step(std::uint32_t ordinal) { return steps_->at(ordinal); }
const Chronicle::StepNow* Chronicle::known(std::uint32_t ordinal) const { return steps_->known(ordinal); }

void Chronicle::see(double t) { lives_.back().last = std::max(lives_.back().last, t); }

/// What ran when its life ended without a word of it is not known to have ended.
void Chronicle::break_off() {
  for (const auto& [ordinal, attempt] : live_) {
    attempts_[attempt].state = AttemptRow::State::broken_off;
    attempts_[attempt].ended = lives_.back().last;
  }
  live_.clear();
}

void Chronicle::on(const LifeBegins& record) {
  if (!lives_.empty()) break_off();
  steps_->clear();
  because_.clear();
  succeeded_ = failed_ = skipped_ = 0;
  auto& life = lives_.emplace_back();
  life.begin = life.last = record.t;
  life.name = record.name;
  life.gradus = record.gradus;
  life.steps_file = record.steps_file;
  life.host = record.host;
  life.pid = record.pid;
  life.argv = record.argv;
  life.until = record.until;
  life.step_count = record.step_count;
  life.first_attempt = attempts_.size();
}

void Chronicle::on(const StepsKept& record) { lives_.back().kept = record.ranges; }

void Chronicle::on(const WorkerRecord& record) {
  auto& life = lives_.back();
  life.workers[record.worker] = {record, life.last, std::nullopt, ""};
}

void Chronicle::on(const LaunchRecord& record) {
  see(record.t);
  AttemptRow row;
  row.ordinal = record.ordinal;
  row.attempt = record.attempt;
  row.life = static_cast<std::uint32_t>(lives_.size() - 1);
  row.worker = record.worker;
  row.slot = record.slots.empty() ? 0 : record.slots.front();
  row.waits = record.waits;
  row.launched = record.t;
  row.key = record.key;
  const auto index = attempts_.size();
  if (record.slots.size() > 1 || !record.with.empty()) {
    row.is_wide = true;
    wide_[index] = {record.slots, record.with};
  }
  auto& now = step(record.ordinal);
  row.id = now.latest > 0 ? attempts_[now.latest - 1].id : remember(record.id);
  attempts_.push_back(row);
  live_[record.ordinal] = index;
  now.standing = StepStanding::running;
  now.latest = static_cast<std::uint32_t>(index + 1);
}

void Chronicle::on(const EndRecord& record) {
  see(record.t);
  const auto live = live_.find(record.ordinal);
  if (live == live_.end() || attempts_[live->second].attempt != record.attempt) return;
  auto& row = attempts_[live->second];
  row.state = AttemptRow::State::ended;
  row.outcome = record.outcome;
  row.code = record.code;
  row.started = record.start;
  row.ended = record.stop;
  row.usage = record.usage;
  if (!record.detail.empty()) details_[live->second] = record.detail;
  live_.erase(live);
  // One that was called back, or ended because of a stop, is as if it had never been started.
  step(record.ordinal).standing =
      record.outcome == OutcomeKind::cancelled ? StepStanding::untouched : StepStanding::again;
  if (record.is_final) settle(record.ordinal, record.final_state, 0);
}

void Chronicle::on(const LostRecord& record) {
  see(record.t);
  const auto live = live_.find(record.ordinal);
  if (live == live_.end() || attempts_[live->second].attempt != record.attempt) return;
  auto& row = attempts_[live->second];
  row.state = AttemptRow::State::lost;
  row.outcome = OutcomeKind::lost_with_worker;
  row.ended = record.t;
  live_.erase(live);
  step(record.ordinal).standing = StepStanding::again;
}

void Chronicle::on(const SettledRecord& record) {
  see(record.t);
  settle(record.ordinal, record.state, record.because);
}

void Chronicle::settle(std::uint32_t ordinal, StepState state, std::uint32_t because) {
  auto& now = step(ordinal);
  if (state == StepState::succeeded) ++succeeded_, now.standing = StepStanding::succeeded;
  if (state == StepState::failed) ++failed_, now.standing = StepStanding::failed;
  if (state == StepState::skipped) ++skipped_, now.standing = StepStanding::skipped;
  if (because != 0) because_[ordinal] = because;
}

void Chronicle::on(const QuarantineRecord& record) {
  see(record.t);
  lives_.back().quarantines.push_back({record.worker, record.slot, record.failures, record.t, record.gpus});
}

void Chronicle::on(const StopRecord& record) {
  see(record.t);
  lives_.back().stops.push_back({std::string(record.kind), std::string(record.why), record.t, record.ordinal});
}

void Chronicle::on(const GoneRecord& record) {
  see(record.t);
  auto& worker = lives_.back().workers[record.worker];
  worker.lost = record.t;
  worker.why_lost = record.why;
}

void Chronicle::on(const LifeOver& record) {
  see(record.t);
  break_off();
  lives_.back().over = record;
}

const WidePlace* Chronicle::wide(std::size_t attempt) const {
  const auto it = wide_.find(attempt);
  return it == wide_.end() ? nullptr : &it->second;
}

std::string_view Chronicle::detail(std::size_t attempt) const {
  const auto it = details_.find(attempt);
  return it == details_.end() ? std::string_view() : std::string_view(it->second);
}

std::uint64_t Chronicle::remember(std::string_view id) {
  if (id.empty()) return 0;
  const auto begin = ids_.size();
  ids_.append(id).push_back('\0');
  return begin;
}

std::string Chronicle::name_of(const AttemptRow& attempt) const {
  return attempt.id == 0 ? std::to_string(attempt.ordinal) : ids_.data() + attempt.id;
}

std::string Chronicle::name(std::uint32_t ordinal) const {
  const auto latest = latest_attempt(ordinal);
  return latest ? name_of(attempts_[*latest]) : std::to_string(ordinal);
}

Chronicle::Counts Chronicle::counts() const {
  Counts counts;
  if (lives_.empty()) return counts;
  counts.total = lives_.back().step_count;
  counts.kept = lives_.back().kept_count();
  counts.succeeded = succeeded_ + counts.kept;
  counts.failed = failed_;
  counts.skipped = skipped_;
  counts.running = live_.size();
  const auto settled = counts.succeeded + counts.failed + counts.skipped + counts.running;
  counts.waiting = counts.total - std::min(counts.total, settled);
  return counts;
}

StepStanding Chronicle::standing(std::uint32_t ordinal) const {
  const auto* now = known(ordinal);
  return now == nullptr ? StepStanding::untouched : now->standing;
}

std::uint32_t Chronicle::skipped_because(std::uint32_t ordinal) const {
  const auto it = because_.find(ordinal);
  return it == because_.end() ? 0 : it->second;
}

std::uint32_t Chronicle::find(std::string_view name) const {
  if (lives_.empty()) return 0;
  for (std::size_t i = lives_.back().first_attempt; i < attempts_.size(); ++i) {
    if (attempts_[i].id != 0 && name == ids_.data() + attempts_[i].id) return attempts_[i].ordinal;
  }
  std::uint32_t ordinal = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), ordinal);
  const bool is_ordinal = error == std::errc() && end == name.data() + name.size();
  return is_ordinal && ordinal <= lives_.back().step_count ? ordinal : 0;
}

std::vector<std::size_t> Chronicle::running() const {
  std::vector<std::size_t> all;
  for (const auto& [ordinal, attempt] : live_) all.push_back(attempt);
  std::sort(all.begin(), all.end());
  return all;
}

std::optional<std::size_t> Chronicle::latest_attempt(std::uint32_t ordinal) const {
  const auto* now = known(ordinal);
  if (now == nullptr || now->latest == 0) return std::nullopt;
  return now->latest - 1;
}

std::optional<std::size_t> Chronicle::latest_attempt_of(std::string_view name) const {
  std::optional<std::size_t> by_ordinal;
  for (auto i = attempts_.size(); i-- > 0;) {
    const auto& row = attempts_[i];
    if (row.id != 0 && name == ids_.data() + row.id) return i;
    if (!by_ordinal && name == std::to_string(row.ordinal)) by_ordinal = i;
  }
  return by_ordinal;
}

std::optional<std::size_t> Chronicle::latest_begun(const std::vector<std::size_t>& attempts) const {
  const auto began = std::find_if(attempts.rbegin(), attempts.rend(),
                                  [this](std::size_t attempt) { return !attempts_[attempt].never_began(); });
  if (began != attempts.rend()) return *began;
  return attempts.empty() ? std::nullopt : std::optional(attempts.back());
}

std::vector<std::size_t> Chronicle::attempts_of(std::uint64_t key) const {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < attempts_.size(); ++i) {
    if (attempts_[i].key == key) all.push_back(i);
  }
  return all;
}

}  // namespace gradus
