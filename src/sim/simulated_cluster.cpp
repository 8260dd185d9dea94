#include "gradus/simulated_cluster.h"

#include <algorithm>
#include <array>
#include <deque>
#include <queue>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "core/lost_rank.h"
#include "core/message_counts.h"
#include "sim/draws.h"

namespace gradus {
namespace {

constexpr std::uint32_t nobody = 0xffffffffU;

/// What a draw is for, so that no two kinds of draw hang together.
enum Purpose : std::uint64_t {
  failing = 1,
  way_to_fail,
  losing,
  joining,
  stopping,
  delay,
  notice,
  dying,
  hostility,
  badness,
  losing_message,
  beating
};

enum class EventKind : std::uint8_t {
  worker_joins,
  worker_goes,
  attempt_ends,
  stop_comes,
  message_comes,
  beats_are_due,  // both ways between the master and a worker
  beat_comes      // to the master
};

struct Event {
  double at = 0;
  std::uint64_t order = 0;  // of two at one moment the one made first comes first
  std::uint32_t index = 0;  // of the worker, attempt record, stop or message
  std::uint32_t generation = 0;
  EventKind kind = EventKind::attempt_ends;
};
struct Later {
  bool operator()(const Event& a, const Event& b) const { return a.at != b.at ? a.at > b.at : a.order > b.order; }
};

/// A vector whose places are used again, so that memory follows what lives, not what ever lived.
template <class T>
class Slab {
 public:
  std::uint32_t take() {
    if (free_.empty()) {
      all_.emplace_back();
      return static_cast<std::uint32_t>(all_.size() - 1);
    }
    const auto index = free_.back();
    free_.pop_back();
    return index;
  }
  void give_back(std::uint32_t index) { free_.push_back(index); }
  T& operator[](std::uint32_t index) { return all_[index]; }
  const T& operator[](std::uint32_t index) const { return all_[index]; }

 private:
  std::vector<T> all_;
  std::vector<std::uint32_t> free_;
};

Outcome some_failure(std::uint64_t way) {
  static const std::array<Outcome, 5> ways{{{OutcomeKind::exit_code, 1, ""},
                                            {OutcomeKind::signal, 11, ""},
                                            {OutcomeKind::timed_out, 0, ""},
                                            {OutcomeKind::could_not_start, 2, "execve"},
                                            {OutcomeKind::output_missing, 0, "out"}}};
  return ways[way % ways.size()];
}

}  // namespace

struct SimulatedCluster::Impl {
  struct Attempt {
    StepIndex step = 0;
    std::uint32_t number = 0;
    std::uint32_t worker = nobody;  // index into workers
    std::uint32_t generation = 0;   // an event of an earlier generation means nothing any more
    double started_at = 0;
    double ends_at = 0;
    Outcome outcome;
    std::vector<std::uint32_t> slots;
    double seconds = 0;
  };
  struct Worker {
    SimulatedWorker plan;
    bool is_there = false;
    double last_message_at = 0;
    std::vector<std::uint32_t> occupants;            // by slot: an index into attempts, or nobody
    std::vector<std::deque<std::uint32_t>> waiting;  // by slot: what runs there next
    std::uint64_t messages = 0;                      // ever, both ways
    MasterCounts at_master;
    WorkerCounts here;
    std::deque<Beat> beats;  // on their way to the master
    /// Called lost while it is there: neither side hears of the other any more.
    bool is_forsaken = false;
  };

  std::shared_ptr<const Graph> graph;
  AttemptModel model;
  SimulatedFaults faults;
  std::vector<SimulatedStop> stops;
  std::size_t facts_per_wait = 0;
  std::uint64_t event_limit = 0;

  double now = 0;
  std::uint64_t next_order = 0;
  std::uint64_t messages_sent = 0;
  std::vector<Worker> workers;
  std::unordered_map<WorkerId, std::uint32_t> places;
  Slab<Attempt> attempts;
  Slab<Fact> messages;
  std::priority_queue<Event, std::vector<Event>, Later> events;
  std::vector<Fact> inbox;
  std::size_t inbox_read = 0;
  Statistics statistics;

  Impl(std::shared_ptr<const Graph> the_graph, Simulation simulation);

  void push(double at, EventKind kind, std::uint32_t index, std::uint32_t generation = 0) {
    events.push({at, next_order++, index, generation, kind});
  }
  double unit(Purpose purpose, std::uint64_t a, std::uint64_t b = 0) const {
    return draw_unit({faults.seed, purpose, a, b});
  }
  void plan_fates();
  SimulatedAttempt course_of(StepIndex step, std::uint32_t attempt) const;
  void happen(const Event& event);
  void worker_joins(std::uint32_t place);
  void worker_goes(std::uint32_t place);
  void attempt_ends(std::uint32_t index);
  void begin(std::uint32_t index);
  void vacate(std::uint32_t index);
  bool call_back(Worker& worker, std::uint32_t place, const KillAttempt& kill);
  void say(std::uint32_t place, Fact fact, double at_least_after);
  void send(Fact fact, double at);
  bool is_lost_on_the_way(std::uint32_t place);
  void send_beats(std::uint32_t place);
  void beat_comes(std::uint32_t place);
  bool master_hears(const Fact& fact);
  void check_beside(StepIndex step) const;
  void say_nonsense(std::uint32_t place, const AttemptEnded& about);
  void give(std::vector<Fact>& facts);
  void check_limit() const {
    if (event_limit == 0 || statistics.events <= event_limit) return;
    throw std::runtime_error("the event limit of " + std::to_string(event_limit) + " is reached");
  }
};

SimulatedCluster::Impl::Impl(std::shared_ptr<const Graph> the_graph, Simulation simulation)
    : graph(std::move(the_graph)),
      model(std::move(simulation.model)),
      faults(simulation.faults),
      stops(std::move(simulation.stops)),
      facts_per_wait(simulation.facts_per_wait),
      event_limit(simulation.event_limit) {
  for (auto& plan : simulation.workers) {
    Worker worker;
    worker.occupants.assign(plan.shape.slots.size(), nobody);
    worker.waiting.resize(plan.shape.slots.size());
    worker.plan = std::move(plan);
    workers.push_back(std::move(worker));
  }
  plan_fates();
  for (std::uint32_t place = 0; place < workers.size(); ++place) {
    places[workers[place].plan.worker] = place;
    push(workers[place].plan.joins_at, EventKind::worker_joins, place);
  }
  // After every join, so that a worker lost at the moment of its joining was there.
  for (std::uint32_t place = 0; place < workers.size(); ++place) {
    const auto& plan = workers[place].plan;
    if (plan.lost_at < std::numeric_limits<double>::infinity()) {
      push(std::max(plan.lost_at, plan.joins_at), EventKind::worker_goes, place);
    }
  }
  for (std::uint32_t i = 0; i < stops.size(); ++i) push(stops[i].at, EventKind::stop_comes, i);
}

void SimulatedCluster::Impl::plan_fates() {
  for (std::uint32_t place = 0; place < workers.size(); ++place) {
    auto& plan = workers[place].plan;
    if (place > 0 && unit(joining, place) < faults.late_join)
      plan.joins_at = unit(joining, place, 1) * faults.horizon_s;
    if (plan.lost_at < std::numeric_limits<double>::infinity()) continue;
    if (unit(losing, place) < faults.worker_loss) plan.lost_at = unit(losing, place, 1) * faults.horizon_s;
  }
  if (unit(stopping, 0) < faults.stop) {
    const auto kind = static_cast<StopKind>(1 + draw({faults.seed, stopping, 2}) % 4);
    stops.push_back({unit(stopping, 1) * faults.horizon_s, StopRequested{kind, "simulated", 0}});
  }
  if (unit(stopping, 3) < faults.hold) {
    constexpr double longest_s = 10;
    stops.push_back({unit(stopping, 4) * faults.horizon_s, HoldRequested{unit(stopping, 5) * longest_s}});
  }
}

SimulatedAttempt SimulatedCluster::Impl::course_of(StepIndex step, std::uint32_t attempt) const {
  auto course = model ? model(step, attempt) : SimulatedAttempt{graph->expected_s(step), {}};
  if (faults.step_failure > 0 && unit(failing, step, attempt) < faults.step_failure) {
    course.outcome = some_failure(draw({faults.seed, way_to_fail, step, attempt}));
  }
  const auto limit = graph->options(step).timeout_s;
  if (limit > 0 && course.seconds > limit) course = {limit, {OutcomeKind::timed_out, 0, ""}};
  return course;
}

void SimulatedCluster::Impl::happen(const Event& event) {
  switch (event.kind) {
    case EventKind::worker_joins: return worker_joins(event.index);
    case EventKind::worker_goes: return worker_goes(event.index);
    case EventKind::attempt_ends:
      if (attempts[event.index].generation == event.generation) attempt_ends(event.index);
      return;
    case EventKind::stop_comes: inbox.push_back(stops[event.index].request); return;
    case EventKind::message_comes:
      if (master_hears(messages[event.index])) inbox.push_back(std::move(messages[event.index]));
      messages.give_back(event.index);
      return;
    case EventKind::beats_are_due: return send_beats(event.index);
    case EventKind::beat_comes: return beat_comes(event.index);
  }
}

void SimulatedCluster::Impl::worker_joins(std::uint32_t place) {
  auto& worker = workers[place];
  worker.is_there = true;
  WorkerJoined joined{worker.plan.worker, worker.plan.shape, false};
  const auto& next = events.empty() ? Event{} : events.top();
  joined.more_follow = !events.empty() && next.kind == EventKind::worker_joins && next.at <= now;
  inbox.emplace_back(std::move(joined));
  if (faults.message_loss > 0) send_beats(place);
}

void SimulatedCluster::Impl::worker_goes(std::uint32_t place) {
  auto& worker = workers[place];
  worker.is_there = false;
  const double noticed_after = unit(notice, place) * faults.loss_notice_s;
  say(place, WorkerLost{worker.plan.worker, "simulated"}, noticed_after);
  for (auto& queue : worker.waiting) {
    for (const auto index : queue) attempts.give_back(index);
    statistics.gone += queue.size();
    queue.clear();
  }
  for (std::uint32_t slot = 0; slot < worker.occupants.size(); ++slot) {
    const auto index = worker.occupants[slot];
    if (index == nobody) continue;
    const auto& attempt = attempts[index];
    if (faults.hostile && unit(hostility, attempt.step, attempt.number) < 0.5) {
      AttemptEnded late{attempt.step, attempt.number, worker.plan.worker, {}};
      send(late, now + noticed_after + faults.message_delay_s + unit(hostility, attempt.step) * 5);
    }
    ++statistics.gone;
    vacate(index);
  }
}

void SimulatedCluster::Impl::attempt_ends(std::uint32_t index) {
  auto& attempt = attempts[index];
  const auto place = attempt.worker;
  AttemptEnded ended{attempt.step, attempt.number, workers[place].plan.worker, {}};
  ended.result.outcome = std::move(attempt.outcome);
  ended.result.started_at = attempt.started_at;
  ended.result.ended_at = now;
  ++statistics.ended;
  vacate(index);
  if (faults.hostile) say_nonsense(place, ended);
  say(place, std::move(ended), 0);
}

void SimulatedCluster::Impl::begin(std::uint32_t index) {
  auto& attempt = attempts[index];
  attempt.started_at = now;
  attempt.ends_at = now + attempt.seconds;
  for (const auto slot : attempt.slots) workers[attempt.worker].occupants[slot] = index;
  push(attempt.ends_at, EventKind::attempt_ends, index, attempt.generation);
}

void SimulatedCluster::Impl::vacate(std::uint32_t index) {
  auto& attempt = attempts[index];
  auto& worker = workers[attempt.worker];
  for (const auto slot : attempt.slots) worker.occupants[slot] = nobody;
  ++attempt.generation;
  attempts.give_back(index);
  for (const auto slot : attempt.slots) {
    if (worker.waiting[slot].empty()) continue;
    const auto next = worker.waiting[slot].front();
    worker.waiting[slot].pop_front();
    begin(next);
  }
}

/// True when it waited on a slot: it will not begin.
bool SimulatedCluster::Impl::call_back(Worker& worker, std::uint32_t place, const KillAttempt& kill) {
  for (auto& queue : worker.waiting) {
    const auto it = std::find_if(queue.begin(), queue.end(), [&](std::uint32_t index) {
      return attempts[index].step == kill.step && attempts[index].number == kill.attempt;
    });
    if (it == queue.end()) continue;
    AttemptEnded ended{kill.step, kill.attempt, kill.worker, {}};
    ended.result.outcome = cancelled_before_start();
    attempts.give_back(*it);
    queue.erase(it);
    ++statistics.killed;
    ++statistics.ended;
    say(place, std::move(ended), 0);
    return true;
  }
  return false;
}

/// Sends what a worker says: delayed, but never overtaking what it said before.
void SimulatedCluster::Impl::say(std::uint32_t place, Fact fact, double at_least_after) {
  auto& worker = workers[place];
  if (std::holds_alternative<AttemptEnded>(fact)) {
    worker.here.send_ends(1);
    if (is_lost_on_the_way(place)) return;
  }
  if (faults.message_delay_s <= 0 && at_least_after <= 0) {
    if (master_hears(fact)) inbox.push_back(std::move(fact));
    return;
  }
  double at = now + at_least_after + unit(delay, place, ++messages_sent) * faults.message_delay_s;
  if (!faults.hostile) at = std::max(at, worker.last_message_at);
  worker.last_message_at = at;
  send(std::move(fact), at);
}

void SimulatedCluster::Impl::send(Fact fact, double at) {
  const auto index = messages.take();
  messages[index] = std::move(fact);
  push(at, EventKind::message_comes, index);
}

bool SimulatedCluster::Impl::is_lost_on_the_way(std::uint32_t place) {
  if (faults.message_loss <= 0 || unit(losing_message, place, ++workers[place].messages) >= faults.message_loss) {
    return false;
  }
  ++statistics.unheard;
  return true;
}

void SimulatedCluster::Impl::send_beats(std::uint32_t place) {
  auto& worker = workers[place];
  if (!worker.is_there || worker.is_forsaken) return;
  if (!is_lost_on_the_way(place)) worker.here.hear_beat(worker.at_master.beat());
  if (!is_lost_on_the_way(place)) {
    worker.last_message_at =
        std::max(worker.last_message_at, now + unit(delay, place, ++messages_sent) * faults.message_delay_s);
    worker.beats.push_back(worker.here.beat());
    push(worker.last_message_at, EventKind::beat_comes, place);
  }
  constexpr double longest_s = 10;
  push(now + unit(beating, place, worker.messages) * longest_s, EventKind::beats_are_due, place);
}

void SimulatedCluster::Impl::beat_comes(std::uint32_t place) {
  auto& worker = workers[place];
  const auto beat = worker.beats.front();
  worker.beats.pop_front();
  const auto lost = worker.at_master.lost(beat);
  if (worker.is_forsaken || lost.empty()) return;
  worker.is_forsaken = true;
  for (auto& fact : stopped_for_lost_rank(worker.plan.worker, lost, lost)) inbox.push_back(std::move(fact));
}

/// False: it comes from one that was called lost.
bool SimulatedCluster::Impl::master_hears(const Fact& fact) {
  const auto* ended = std::get_if<AttemptEnded>(&fact);
  if (ended == nullptr) return true;
  const auto place = places.find(ended->worker);
  if (place == places.end()) return true;
  workers[place->second].at_master.hear_end();
  return !workers[place->second].is_forsaken;
}

/// Nobody has told those that their steps are to end, or would hear whether they have.
void SimulatedCluster::Impl::check_beside(StepIndex step) const {
  if (faults.message_loss <= 0) return;
  for (const auto& worker : workers) {
    if (!worker.is_forsaken || !worker.is_there) continue;
    for (const auto index : worker.occupants) {
      if (index == nobody || attempts[index].step != step) continue;
      throw std::logic_error("launched beside an attempt that runs yet on a worker called lost");
    }
  }
}

/// What must change nothing: doubled ends, attempts that never were, ends told by somebody else, workers
/// that join or go a second time. It never tells of a live attempt that it has ended: that would be a lie
/// that nobody could see through.
void SimulatedCluster::Impl::say_nonsense(std::uint32_t place, const AttemptEnded& about) {
  const auto kind = draw({faults.seed, hostility, about.step, about.attempt, 7}) % 10;
  const double at = now + unit(hostility, about.step, about.attempt) * 3;
  auto twisted = about;
  switch (kind) {
    case 0: return send(about, std::max(at, now + faults.message_delay_s + 1));
    case 1: twisted.attempt += 1000; return send(twisted, at);
    case 2: twisted.attempt = 0; return send(twisted, at);
    case 3: twisted.step = no_step; return send(twisted, at);
    case 4: twisted.worker = 0xfffffff0U; return send(twisted, at);
    case 5: return send(WorkerLost{0xfffffff1U, "never came"}, at);
    case 6:
      if (workers[place].plan.lost_at < at) return;  // it would come back
      return send(WorkerJoined{workers[place].plan.worker, workers[place].plan.shape, false}, at);
    default: return;
  }
}

void SimulatedCluster::Impl::give(std::vector<Fact>& facts) {
  const auto left = inbox.size() - inbox_read;
  const auto count = facts_per_wait == 0 ? left : std::min(left, facts_per_wait);
  for (std::size_t i = 0; i < count; ++i) facts.push_back(std::move(inbox[inbox_read++]));
  statistics.facts += count;
  if (inbox_read < inbox.size()) return;
  inbox.clear();
  inbox_read = 0;
}

SimulatedCluster::SimulatedCluster(std::shared_ptr<const Graph> graph, Simulation simulation)
    : impl_(std::make_unique<Impl>(std::move(graph), std::move(simulation))) {}
SimulatedCluster::~SimulatedCluster() = default;

double SimulatedCluster::now() const { return impl_->now; }
const SimulatedCluster::Statistics& SimulatedCluster::statistics() const { return impl_->statistics; }

void SimulatedCluster::perform(const LaunchAttempt& launch) {
  auto& sim = *impl_;
  const auto found = sim.places.find(launch.worker);
  if (found == sim.places.end()) throw std::logic_error("launched on a worker that does not exist");
  auto& worker = sim.workers[found->second];
  ++sim.statistics.launched;
  sim.check_beside(launch.step);
  if (!worker.is_there) {
    if (sim.now < worker.plan.joins_at) throw std::logic_error("launched on a worker that has not joined");
    ++sim.statistics.gone;
    return;  // the order reaches nobody; that the worker is gone is still on its way
  }
  worker.at_master.send_order();
  if (sim.is_lost_on_the_way(found->second)) return;
  worker.here.hear_order();
  for (const auto slot : launch.slots) {
    if (slot >= worker.occupants.size()) throw std::logic_error("launched on a slot that does not exist");
    if (worker.occupants[slot] != nobody && !launch.waits) throw std::logic_error("launched on a slot that is taken");
  }
  const auto index = sim.attempts.take();
  auto& attempt = sim.attempts[index];
  auto course = sim.course_of(launch.step, launch.attempt);
  for (const auto slot : launch.slots) {
    if (sim.unit(badness, launch.worker, slot) < sim.faults.bad_slot) {
      course = {course.seconds / 10, {OutcomeKind::exit_code, 1, ""}};
    }
  }
  attempt.step = launch.step;
  attempt.number = launch.attempt;
  attempt.worker = found->second;
  attempt.seconds = course.seconds;
  attempt.outcome = std::move(course.outcome);
  attempt.slots.assign(launch.slots.begin(), launch.slots.end());
  const auto first = launch.slots.front();
  if (worker.occupants[first] == nobody) return sim.begin(index);
  worker.waiting[first].push_back(index);
}

void SimulatedCluster::perform(const KillAttempt& kill) {
  auto& sim = *impl_;
  const auto found = sim.places.find(kill.worker);
  if (found == sim.places.end()) return;
  auto& worker = sim.workers[found->second];
  if (worker.is_forsaken) return;
  worker.at_master.send_order();
  if (sim.is_lost_on_the_way(found->second)) return;
  worker.here.hear_order();
  if (sim.call_back(worker, found->second, kill) || kill.call_back) return;
  for (const auto index : worker.occupants) {
    if (index == nobody) continue;
    auto& attempt = sim.attempts[index];
    if (attempt.step != kill.step || attempt.number != kill.attempt) continue;
    const double grace = kill.at_once ? 0 : sim.unit(dying, kill.step, kill.attempt) * sim.faults.kill_grace_s;
    if (attempt.ends_at <= sim.now + grace) return;  // it ends by itself before it would be ended
    ++sim.statistics.killed;
    attempt.ends_at = sim.now + grace;
    attempt.outcome = {OutcomeKind::cancelled, 0, ""};
    return sim.push(attempt.ends_at, EventKind::attempt_ends, index, ++attempt.generation);
  }
}

void SimulatedCluster::wait(double until, std::vector<Fact>& facts) {
  auto& sim = *impl_;
  while (sim.inbox.empty()) {
    if (sim.events.empty() && until == std::numeric_limits<double>::infinity()) {
      throw std::runtime_error("waits for ever: nothing runs, nothing is on its way, and the run has not finished");
    }
    if (sim.events.empty() || sim.events.top().at > until) {
      // Counted too, or a loop that wishes for the past for ever would never reach the limit.
      ++sim.statistics.events;
      sim.check_limit();
      sim.now = std::max(sim.now, until);
      return;
    }
    sim.now = std::max(sim.now, sim.events.top().at);
    while (!sim.events.empty() && sim.events.top().at <= sim.now) {
      const auto event = sim.events.top();
      sim.events.pop();
      ++sim.statistics.events;
      sim.happen(event);
    }
    sim.check_limit();
  }
  sim.give(facts);
}

}  // namespace gradus
