#include "run/notices.h"

#include <algorithm>

namespace gradus {

void Notices::on_fact(const Fact& fact, const Decisions& decisions, double now) {
  if (std::holds_alternative<StopRequested>(fact) && stop_ == Moment::to_come) stop_ = Moment::has_come;
  on_time(decisions, now);
}

void Notices::on_time(const Decisions& decisions, double /*now*/) {
  const auto failed = [](const StepSettled& settled) { return settled.state == StepState::failed; };
  if (failure_ == Moment::to_come && std::any_of(decisions.settled.begin(), decisions.settled.end(), failed)) {
    failure_ = Moment::has_come;
  }
}

void Notices::commit(double /*now*/) {
  if (stop_ == Moment::to_come && scheduler_.stopped_for_time()) stop_ = Moment::has_come;
  tell_if(failure_, "first-failure");
  tell_if(stop_, "drain");
}

void Notices::tell_if(Moment& moment, const char* event) {
  if (moment != Moment::has_come) return;
  moment = Moment::told;
  tell_(event);
}

}  // namespace gradus
