#include "support/test_journal.h"

#include <fmt/format.h>

#include <stdexcept>

#include "core/json_string.h"
#include "core/step_keys.h"
#include "run/seal.h"
#include "support/builders.h"

namespace gradus::support {

TestJournal::TestJournal(std::shared_ptr<const Graph> graph)
    : graph_(std::move(graph)), records_("a hand-made journal", chronicle_) {}

TestJournal& TestJournal::line(std::string record) {
  seal_record(record, 0);
  const auto size = record.size();
  record.append(256, ' ');
  const auto taken = records_.read(record.data(), size, record.size());
  if (taken != size) throw std::invalid_argument(records_.damage_in_words() + " in " + record);
  return *this;
}

std::string TestJournal::key(std::uint32_t step) const {
  return fmt::format("{:016x}", graph_ ? step_keys(*graph_)[step - 1].key : std::uint64_t{step});
}

std::string TestJournal::id(std::uint32_t step) const {
  if (!graph_ || graph_->step(step - 1).id.empty()) return "";
  return R"(,"id":)" + json_string(graph_->step(step - 1).id);
}

TestJournal& TestJournal::life(double t, std::uint32_t steps) {
  slots_ = 0;
  nodes_.clear();
  live_.clear();
  return line(fmt::format(R"({{"life":2,"t":{:.3f},"at":"2026-11-23T18:00:00Z","gradus":"0.1.0","steps":"chain.txt",)"
                          R"("count":{},"host":"h1","pid":7,"argv":["gradus","run","chain.txt"]}})",
                          epoch + t, graph_ ? graph_->step_count() : steps));
}

TestJournal& TestJournal::worker(std::uint32_t worker, const std::string& host, const std::string& slots) {
  const auto node = nodes_.try_emplace(host, static_cast<std::uint32_t>(nodes_.size())).first->second;
  std::string all;
  std::uint32_t thread = 0;
  for (const auto& gpu : split(slots, " ")) {
    all += fmt::format(R"({}{{"slot":{},"thread":{},"gpus":[{}],"cores":[{}]}})", all.empty() ? "" : ",", slots_,
                       ++thread, gpu == "-" ? "" : json_string(gpu), slots_);
    ++slots_;
  }
  return line(
      fmt::format(R"({{"worker":{},"host":"{}","node":{},"local_rank":0,"slots":[{}]}})", worker, host, node, all));
}

TestJournal& TestJournal::kept(const std::vector<std::uint32_t>& ranges) {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i + 1 < ranges.size(); i += 2) count += ranges[i + 1] - ranges[i] + 1;
  return line(fmt::format(R"({{"kept":{},"t":{:.3f},"ranges":[{}]}})", count, epoch, comma_joined(ranges)));
}

TestJournal& TestJournal::launch(std::uint32_t step, double t, std::uint32_t worker,
                                 const std::vector<std::uint32_t>& slots, std::uint32_t attempt,
                                 const std::string& more) {
  live_[step] = {attempt, worker};
  return line(
      fmt::format(R"({{"launch":{},"t":{:.3f},"a":{},"worker":{},"slots":[{}]{},"key":"{}","digest":"{:016x}"{}}})",
                  step, epoch + t, attempt, worker, comma_joined(slots), more, key(step), step, id(step)));
}

TestJournal& TestJournal::end(std::uint32_t step, double start, double stop, const std::string& outcome, bool again,
                              const std::string& more) {
  const auto [attempt, worker] = live_[step];
  const char* final = again ? "" : outcome == "succeeded" ? R"(,"final":"succeeded")" : R"(,"final":"failed")";
  return line(fmt::format(R"({{"end":{},"t":{:.3f},"a":{},"worker":{},"outcome":"{}"{},"start":{:.3f},"stop":{:.3f},)"
                          R"("user":0.5,"sys":0.25,"rss":1024{}{}}})",
                          step, epoch + stop, attempt, worker, outcome, outcome == "exit_code" ? R"(,"code":3)" : "",
                          epoch + start, epoch + stop, more, final));
}

TestJournal& TestJournal::ran(std::uint32_t step, std::uint32_t slot, double start, double stop,
                              const std::string& outcome) {
  return launch(step, start, 0, {slot}).end(step, start, stop, outcome);
}

TestJournal& TestJournal::lost(std::uint32_t step, double t) {
  return line(fmt::format(R"({{"lost":{},"t":{:.3f},"a":{},"worker":{}}})", step, epoch + t, live_[step].attempt,
                          live_[step].worker));
}

TestJournal& TestJournal::gone(std::uint32_t worker, double t, const std::string& why) {
  return line(fmt::format(R"({{"gone":{},"t":{:.3f},"why":{}}})", worker, epoch + t, json_string(why)));
}

TestJournal& TestJournal::quarantined(std::uint32_t slot, std::uint32_t worker, double t, std::uint32_t failures) {
  return line(fmt::format(R"({{"quarantined":{},"t":{:.3f},"worker":{},"host":"h1","gpus":[],"failures":{}}})", slot,
                          epoch + t, worker, failures));
}

TestJournal& TestJournal::skipped(std::uint32_t step, std::uint32_t because, double t) {
  return line(fmt::format(R"({{"settled":{},"t":{:.3f},"state":"skipped","because":{}}})", step, epoch + t, because));
}

TestJournal& TestJournal::stop(const std::string& kind, double t, const std::string& why) {
  return line(fmt::format(R"({{"stop":"{}","t":{:.3f},"why":{}}})", kind, epoch + t, json_string(why)));
}

TestJournal& TestJournal::over(double t, int exit_code, std::uint32_t waiting) {
  return line(fmt::format(R"({{"over":{},"t":{:.3f},"succeeded":0,"failed":0,"skipped":0,"waiting":{}}})", exit_code,
                          epoch + t, waiting));
}

}  // namespace gradus::support
