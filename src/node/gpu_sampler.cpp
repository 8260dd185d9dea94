#include "node/gpu_sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "node/clock.h"
#include "node/gpu_meters.h"
#include "node/tell.h"

namespace gradus {
namespace {

/// Each once, and for each slot the places of its own.
std::vector<std::string> number(const std::vector<std::vector<std::string>>& gpus, std::uint32_t not_looked_at,
                                std::vector<std::vector<std::uint32_t>>& indices) {
  std::vector<std::string> identities;
  for (const auto& of_slot : gpus) {
    auto& places = indices.emplace_back();
    for (const auto& identity : of_slot) {
      const auto at = std::ranges::find(identities, identity);
      places.push_back(identity.empty() ? not_looked_at : static_cast<std::uint32_t>(at - identities.begin()));
      if (!identity.empty() && at == identities.end()) identities.push_back(identity);
    }
  }
  return identities;
}

}  // namespace

GpuSampler::GpuSampler(const std::vector<std::vector<std::string>>& gpus, std::vector<std::unique_ptr<GpuMeter>> meters,
                       SamplingPace pace, std::function<void(const std::string&)> tell)
    : meters_(std::move(meters)),
      pace_(pace),
      tell_(std::move(tell)),
      samples_(number(gpus, not_looked_at, indices_)),
      thread_([this] { run(); }) {}

GpuSampler::~GpuSampler() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void GpuSampler::began(std::uint32_t slot, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& gpus) {
  std::vector<std::uint32_t> looked_at;
  for (const auto& [of_slot, gpu] : gpus) {
    const auto index = indices_.at(of_slot).at(gpu);
    if (index != not_looked_at) looked_at.push_back(index);
  }
  if (looked_at.empty()) return;
  const std::lock_guard lock(mutex_);
  if (let_be_) return;
  samples_.began(slot, std::move(looked_at), monotonic_s());
  if (idle_) changed_.notify_one();
}

GpuUse GpuSampler::ended(std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  return samples_.ended(slot);
}

void GpuSampler::run() {
  std::unique_lock lock(mutex_);
  while (sleep_until_next(lock)) {
    const auto gpus = samples_.used_now();
    if (gpus.empty()) continue;
    const double asked_at = monotonic_s();
    lock.unlock();
    const double own_before = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    auto answer = look(gpus);
    answer.cpu_s += seconds_of(CLOCK_THREAD_CPUTIME_ID) - own_before;  // starting a child costs something, too
    lock.lock();
    if (!closing_) take(answer, asked_at);
  }
}

/// A fixed pace, whenever attempts begin: looks that went by their beginnings would see all of them at the same age.
/// False when there is no next time. Returns with the mutex held.
bool GpuSampler::sleep_until_next(std::unique_lock<std::mutex>& lock) {
  idle_ = true;
  // A child that cannot be ended would go to the main thread with the end of this one, and be taken for a step's.
  changed_.wait(lock, [this] { return closing_ || (!let_be_ && !samples_.nothing_runs()); });
  idle_ = false;
  const double now = monotonic_s();
  if (next_ < now) next_ = now + pace_.every_s / 2;
  changed_.wait_for(lock, std::chrono::duration<double>(next_ - now), [this] { return closing_.load(); });
  return !closing_;
}

/// Called without the mutex.
GpuMeter::Answer GpuSampler::look(const std::vector<std::string>& gpus) {
  const auto gives = [&](const GpuMeter::Answer& answer) {
    return std::ranges::any_of(answer.readings, [&](const GpuReading& reading) {
      return std::ranges::any_of(gpus, [&](const std::string& gpu) { return reading.is_of(gpu); });
    });
  };
  GpuMeter::Answer all;
  for (std::size_t i = 0; i < meters_.size() && !closing_; ++i) {
    auto answer = meters_[i]->read(gpus, pace_.limit_s, closing_);
    const double cpu_s = all.cpu_s + answer.cpu_s;
    const bool is_good = gives(answer);
    if (!is_good && answer.problem.empty()) answer.problem = "nothing was said of GPU " + gpus.front();
    all = std::move(answer);
    all.cpu_s = cpu_s;
    if (!is_good) {
      all.readings.clear();
      continue;
    }
    all.problem.clear();
    if (i > 0) std::swap(meters_[0], meters_[i]);
    meters_.resize(1);
    break;
  }
  return all;
}

void GpuSampler::take(const GpuMeter::Answer& answer, double asked_at) {
  next_ = std::max(monotonic_s(), asked_at + std::max(pace_.every_s, answer.cpu_s / pace_.cpu_share));
  samples_.take(answer.readings, asked_at);
  failures_ = answer.problem.empty() ? 0 : failures_ + 1;
  if (failures_ < pace_.failures) return;
  let_be_ = true;
  tell_(
      fmt::format("GPUs are not looked at any more, and how busy they are is not known: {}, {} times in a row; steps "
                  "go on",
                  answer.problem, failures_));
}

std::unique_ptr<GpuSampler> make_gpu_sampler(const PlannedRank& rank, const RunSettings& settings) {
  if (settings.gpu_sampling_s <= 0 || rank.gpu_vendor != GpuVendor::nvidia) return nullptr;
  auto meters = gpu_meters();
  bool any = false;
  std::vector<std::vector<std::string>> gpus;
  for (const auto& slot : rank.slots) {
    auto& identities = gpus.emplace_back();
    for (const auto& gpu : slot.gpus) {
      identities.push_back(can_be_read(gpu.identity) ? gpu.identity : "");
      any = any || !identities.back().empty();
    }
  }
  if (!any || meters.empty()) return nullptr;
  SamplingPace pace;
  pace.every_s = settings.gpu_sampling_s;
  pace.cpu_share /= std::max(settings.gpu_samplers, 1U);
  pace.limit_s = std::clamp(2 * settings.gpu_sampling_s, 2.0, 10.0);
  return std::make_unique<GpuSampler>(gpus, std::move(meters), pace,
                                      [who = fmt::format("{} (rank {})", rank.host, rank.rank)](
                                          const std::string& line) { tell(stderr, "gradus: {}: {}\n", who, line); });
}

}  // namespace gradus
