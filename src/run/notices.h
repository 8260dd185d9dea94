// The moments of a run that somebody outside wants to be told of.
//
// Knows: which moments these are: the first failure, the first request to stop.
// Unaware of: who is told, and how (the caller gives a function).
#pragma once

#include <functional>

#include "gradus/run_loop.h"

namespace gradus {

/// Tells each moment once, after it has been recorded: it comes behind the journal in the list of observers.
class Notices : public Observer {
 public:
  /// `event` is `first-failure` or `drain`. `scheduler` must outlive this.
  using Tell = std::function<void(const char* event)>;
  Notices(const Scheduler& scheduler, Tell tell) : scheduler_(scheduler), tell_(std::move(tell)) {}

  void on_fact(const Fact& fact, const Decisions& decisions, double now) override;
  void on_time(const Decisions& decisions, double now) override;
  void commit(double now) override;

 private:
  enum class Moment { to_come, has_come, told };
  void tell_if(Moment& moment, const char* event);

  const Scheduler& scheduler_;
  Tell tell_;
  Moment failure_ = Moment::to_come;
  Moment stop_ = Moment::to_come;
};

}  // namespace gradus
