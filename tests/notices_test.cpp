#include "run/notices.h"

#include <gmock/gmock.h>

#include "support/builders.h"

namespace gradus {
namespace {

using support::graph;
using testing::ElementsAre;
using testing::IsEmpty;

/// A real scheduler, and the events that were told of its run.
class NoticesTest : public testing::Test {
 protected:
  void begin(std::string_view steps, SchedulerOptions options = {}) {
    graph_ = graph(steps);
    scheduler = std::make_unique<Scheduler>(graph_, options);
    notices = std::make_unique<Notices>(*scheduler, [this](const char* event) { told.emplace_back(event); });
    see(WorkerJoined{0, support::Machine().worker("n1", "- -"), false});
  }
  void see(const Fact& fact, double now = 0) {
    Decisions decisions;
    scheduler->apply(fact, now, decisions);
    notices->on_fact(fact, decisions, now);
  }
  void end(const std::string& step, OutcomeKind kind, std::uint32_t attempt = 1) {
    AttemptEnded ended{graph_->find(step), attempt, 0, {}};
    ended.result.outcome.kind = kind;
    see(ended);
  }
  void commit() { notices->commit(0); }

  std::shared_ptr<const Graph> graph_;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<Notices> notices;
  std::vector<std::string> told;
};

TEST_F(NoticesTest, the_first_failure_is_told_once_and_only_after_it_was_recorded) {
  begin("a; b");
  end("a", OutcomeKind::exit_code);
  EXPECT_THAT(told, IsEmpty());
  commit();
  end("b", OutcomeKind::exit_code);
  commit();
  EXPECT_THAT(told, ElementsAre("first-failure"));
}

TEST_F(NoticesTest, a_failure_that_will_be_tried_again_and_a_success_are_not_told) {
  begin("a retries=1; b");
  end("a", OutcomeKind::exit_code);
  end("b", OutcomeKind::succeeded);
  commit();
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(NoticesTest, the_first_request_to_stop_is_told_once_however_many_follow) {
  begin("a; b");
  see(StopRequested{StopKind::drain, "signal USR1", 10});
  commit();
  see(StopRequested{StopKind::cancel, "signal TERM", 15});
  commit();
  EXPECT_THAT(told, ElementsAre("drain"));
}

TEST_F(NoticesTest, the_end_of_time_is_a_drain_too) {
  SchedulerOptions options;
  options.start_nothing_after = 100;
  options.end_running_at = 100;
  begin("a; b; c", options);
  Decisions decisions;
  scheduler->advance(100, decisions);
  notices->on_time(decisions, 100);
  commit();
  EXPECT_THAT(told, ElementsAre("drain"));
}

}  // namespace
}  // namespace gradus
