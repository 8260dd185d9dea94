#include "core/wire.h"

#include <gmock/gmock.h>

#include <random>

namespace gradus {
namespace {

AttemptOrder an_order() {
  AttemptOrder order;
  order.step = 41;
  order.attempt = 2;
  order.slots = {0, 3};
  order.gpus = {{0, 1}, {3, 0}};
  order.cpus = 4;
  order.timeout_s = 1.5;
  order.id = "align-41";
  order.command = std::string("a\0b", 3);
  order.env = {{"A", "%(GPU)s"}};
  order.creates = {"out.mrc"};
  order.awaited = {"in.mrc"};
  return order;
}

EndReport a_report() {
  EndReport report{41, 2, {}};
  report.result.outcome = {OutcomeKind::could_not_start, 2, "execve x: no such file"};
  report.result.started_at = 1.25;
  report.result.usage = {1.5, 0.25, 7, 512, std::uint64_t{1} << 40, {7, 0.34F, 1234, 81559}};
  return report;
}

const std::vector<Message>& some_messages() {
  static const std::vector<Message> all{an_order(), KillOrder{1, 2, true}, a_report(), Farewell{false, true},
                                        Beat{3, 1, 2}};
  return all;
}

std::string all_bytes() {
  std::string bytes;
  for (const auto& message : some_messages()) append_message(message, bytes);
  return bytes;
}

TEST(Wire, gives_back_every_message_as_it_was_sent) {
  std::vector<Message> read;
  EXPECT_TRUE(read_messages(all_bytes(), read));
  EXPECT_EQ(read, some_messages());
}

TEST(Wire, gives_back_what_is_exchanged_at_the_start) {
  RankReport report;
  report.rank = 3;
  report.host = "node1";
  report.gpus = {{"GPU-1", "2", "H100", "0000:17:00.0"}};
  report.gpu_doubt = "not granted";
  report.cores = {0, 5};
  EXPECT_EQ(read_rank_report(to_bytes(report)), report);
  StartOrder order{true, {}, {}};
  order.rank.slots.push_back({1, 3, 2, false, {{"0", "2", "GPU-1", "H100", ""}}, {5}});
  order.settings.prolog = "module load cuda";
  order.settings.gpu_sampling_s = 2.5;
  order.settings.gpu_samplers = 4;
  order.settings.has_earlier_outputs = true;
  EXPECT_EQ(read_start_order(to_bytes(order)), order);
  const Invitation invitation{true, true, false, true, "/probe", "token"};
  EXPECT_EQ(read_invitation(to_bytes(invitation)), invitation);
}

TEST(Wire, refuses_bytes_that_are_cut_anywhere) {
  const auto bytes = all_bytes();
  std::vector<std::size_t> whole{0};
  std::string so_far;
  for (const auto& message : some_messages()) {
    append_message(message, so_far);
    whole.push_back(so_far.size());
  }
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    std::vector<Message> read;
    const bool at_a_seam = std::find(whole.begin(), whole.end(), size) != whole.end();
    EXPECT_EQ(read_messages(std::string_view(bytes).substr(0, size), read), at_a_seam) << "cut at " << size;
  }
}

TEST(Wire, survives_any_bytes) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto good = all_bytes();
  for (int round = 0; round < 20000; ++round) {
    auto bytes = good;
    for (int k = 0; k < 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    std::vector<Message> read;
    read_messages(bytes, read);
    EXPECT_LE(read.size(), bytes.size());
  }
}

TEST(Wire, refuses_a_count_that_is_larger_than_the_message) {
  std::string bytes("\x00\xff\xff\xff\x7f", 5);
  std::vector<Message> read;
  EXPECT_FALSE(read_messages(bytes, read));
  EXPECT_TRUE(read.empty());
}

}  // namespace
}  // namespace gradus
