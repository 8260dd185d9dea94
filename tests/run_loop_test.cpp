#include "gradus/run_loop.h"

#include <gmock/gmock.h>

#include <stdexcept>

#include "gradus/steps_file.h"

namespace gradus {
namespace {

std::shared_ptr<const Graph> graph_of(const std::string& lines) {
  return parse_steps("f", std::make_shared<const std::string>(lines), StepsFormat::text, nullptr).graph;
}

/// One slot; every launched attempt succeeds at the next wait. Notes what it is told.
class OneSlot : public Cluster {
 public:
  explicit OneSlot(std::vector<std::string>& story) : story_(story) {
    facts_.push_back(WorkerJoined{0, {0, {{{}, {0}}}}});
  }
  void perform(const LaunchAttempt& launch) override {
    story_.push_back("launch " + std::to_string(launch.step + 1));
    facts_.push_back(AttemptEnded{launch.step, launch.attempt, 0, {}});
  }
  void perform(const KillAttempt&) override {}
  void wait(double, std::vector<Fact>& facts) override {
    if (facts_.empty()) throw std::logic_error("the loop waits for nothing");
    facts = std::move(facts_);
    facts_.clear();
    ++now_;
  }
  double now() const override { return now_; }

 private:
  std::vector<std::string>& story_;
  std::vector<Fact> facts_;
  double now_ = 0;
};

/// Notes every commit that had something to record; fails at the one that is told.
class Recorder : public Observer {
 public:
  Recorder(std::vector<std::string>& story, int fails_at) : story_(story), fails_at_(fails_at) {}
  void on_fact(const Fact&, const Decisions& decisions, double) override {
    for (const auto& launch : decisions.launches) text_ += " launch " + std::to_string(launch.step + 1);
    for (const auto& settled : decisions.settled) text_ += " settled " + std::to_string(settled.step + 1);
  }
  void on_time(const Decisions&, double) override {}
  void commit(double) override {
    if (text_.empty()) return;
    if (--fails_at_ == 0) broken_ = true;
    if (broken_) throw std::runtime_error("no space left");
    story_.push_back("recorded" + text_);
    text_.clear();
  }

 private:
  std::vector<std::string>& story_;
  int fails_at_;
  bool broken_ = false;
  std::string text_;
};

TEST(RunLoop, records_before_it_acts) {
  std::vector<std::string> story;
  Scheduler scheduler(graph_of("a\nb\n"), {});
  OneSlot cluster(story);
  Recorder recorder(story, 0);
  run_loop(scheduler, cluster, {&recorder});
  EXPECT_THAT(story, testing::ElementsAre("recorded launch 1", "launch 1", "recorded launch 2 settled 1", "launch 2",
                                          "recorded settled 2"));
}

TEST(RunLoop, starts_nothing_that_it_could_not_record_and_throws_at_the_end) {
  std::vector<std::string> story;
  Scheduler scheduler(graph_of("a\nb\nc\n"), {});
  OneSlot cluster(story);
  Recorder recorder(story, 2);
  EXPECT_THROW(run_loop(scheduler, cluster, {&recorder}), std::runtime_error);
  EXPECT_THAT(story, testing::ElementsAre("recorded launch 1", "launch 1"));
  EXPECT_EQ(scheduler.counts().succeeded, 1U);
  EXPECT_EQ(scheduler.counts().waiting + scheduler.counts().ready, 2U);
  EXPECT_EQ(scheduler.sanity_check(), "");
}

}  // namespace
}  // namespace gradus
