// A worker rank that sends nonsense to rank 0, for tests: beside `gradus run` under one mpirun.
//   fuzzing_rank noise SEED   answers each order with one success (the first with two) amid late, early and absurd ends
//   fuzzing_rank torn SEED    answers the fifth order with bytes that are no message
//   fuzzing_rank bytes SEED   … with random bytes, again and again, and never says farewell
//   fuzzing_rank drop SEED    is honest, but the end of the fifth order gets lost
//   fuzzing_rank deaf SEED    is honest, but the fifth order gets lost
#include <mpi.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "core/wire.h"
#include "mpi/mpi_environment.h"
#include "mpi/post.h"

using namespace gradus;

namespace {

class Fuzzer {
 public:
  Fuzzer(std::string mode, unsigned seed) : mode_(std::move(mode)), dice_(seed) {}

  void run() {
    for (;;) {
      std::vector<Post::Letter> letters;
      post_.collect(letters);
      for (auto& letter : letters) {
        for (auto& message : letter.messages) {
          if (const auto* order = std::get_if<AttemptOrder>(&message)) answer(*order);
          if (const auto* beat = std::get_if<Beat>(&message)) counts_.hear_beat(*beat);
          if (std::holds_alternative<Farewell>(message)) return leave();
        }
      }
      if (mode_ == "noise" && die(3) == 0) noise();
      if (loses() && ++turns_ % 100 == 0) post_.write(0, counts_.beat());
      post_.flush();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  unsigned die(unsigned sides) { return static_cast<unsigned>(dice_() % sides); }

  static AttemptResult success() {
    AttemptResult result;
    result.started_at = 1;
    result.ended_at = 2;
    return result;
  }

  bool loses() const { return mode_ == "drop" || mode_ == "deaf"; }

  void answer_but_the_fifth(const AttemptOrder& order) {
    if (orders_ != 5 || mode_ == "drop") counts_.hear_order();
    if (orders_ != 5 || mode_ == "drop") counts_.send_ends(1);
    if (orders_ != 5) post_.write(0, EndReport{order.step, order.attempt, success()});
  }

  void answer(const AttemptOrder& order) {
    ++orders_;
    if (loses()) return answer_but_the_fifth(order);
    if (mode_ != "noise" && orders_ == 5) return tear();
    if (mode_ == "bytes" && orders_ > 5) return;
    post_.write(0, EndReport{order.step, order.attempt, success()});
    // The dice may be late: all orders can be answered within a few milliseconds. One end is doubled in any case.
    if (orders_ == 1) post_.write(0, EndReport{order.step, order.attempt, success()});
    last_ = order;
  }

  void noise() {
    auto result = success();
    constexpr double absurd[] = {NAN, INFINITY, -INFINITY, -1e308, 1e308};
    result.started_at = absurd[die(5)];
    result.ended_at = absurd[die(5)];
    result.usage.user_s = absurd[die(5)];
    result.outcome = {static_cast<OutcomeKind>(die(8)), static_cast<std::int32_t>(dice_()),
                      std::string(die(2000), '\x1b')};
    switch (die(7)) {
      case 0: return post_.write(0, EndReport{last_.step, last_.attempt, result});                    // doubled or late
      case 1: return post_.write(0, EndReport{last_.step, last_.attempt + 1, result});                // early
      case 2: return post_.write(0, EndReport{die(200), 1, success()});                               // another rank's
      case 3: return post_.write(0, EndReport{static_cast<std::uint32_t>(dice_()), die(9), result});  // of no step
      case 4: return post_.write(0, KillOrder{die(200), 1, true});
      case 5: return post_.write(0, last_);  // an order to the master
      default: return post_.write(0, Farewell{die(2) == 0});
    }
  }

  void send(const std::string& bytes) {
    MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, 71, MPI_COMM_WORLD);
  }

  void tear() {
    std::string bytes;
    append_message(EndReport{1, 1, success()}, bytes);
    if (mode_ == "torn") return send(bytes.substr(0, bytes.size() / 2));
    for (int i = 0; i < 20; ++i) {
      std::string random(die(3000), '\0');
      for (auto& byte : random) byte = static_cast<char>(dice_());
      send(random);
    }
  }

  void leave() {
    post_.write(0, Farewell{});
    while (!post_.all_sent()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  std::string mode_;
  std::mt19937 dice_;
  Post post_;
  AttemptOrder last_;
  int orders_ = 0, turns_ = 0;
  WorkerCounts counts_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const MpiEnvironment mpi;
  if (mpi.rank() == 0) return 2;
  if (!read_invitation(mpi.broadcast("")).value_or(Invitation{}).start) return 0;
  RankReport report;
  report.rank = mpi.rank();
  report.host = "fuzz";
  report.cores = {0};
  const auto place = find_node_place(mpi, true);
  report.node = place.node;
  report.local_rank = place.local_rank;
  mpi.gather(to_bytes(report));
  if (!read_start_order(mpi.scatter({})).value_or(StartOrder{}).start) return 0;
  Fuzzer(argv[1], static_cast<unsigned>(std::atoi(argv[2]))).run();
  if (std::string(argv[1]) != "noise") std::_Exit(0);  // MPI_Finalize waits for ranks that gave us up
  return 0;
}
