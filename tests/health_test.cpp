#include "core/health.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "core/wire.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RankHealth healthy(std::uint32_t rank, const std::string& host) {
  RankHealth health;
  health.report.rank = rank;
  health.report.host = host;
  health.report.cores = {0, 1, 2, 3, 4, 5, 6, 7};
  health.machine_cores = 8;
  health.version = "1.0";
  health.gpu_note = "as the driver says";
  health.open_files = 4096;
  health.shm_free_kib = 1 << 20;
  health.mpi_library = "An MPI";
  health.clock_s = health.asked_s = health.answered_s = 1000;
  health.file_system = "nfs";
  health.sees_probe = health.can_write = true;
  health.lock = ProbeLock::held;
  return health;
}

std::vector<std::string> told(const std::vector<RankHealth>& ranks, bool without_pmi = false) {
  std::vector<std::string> lines;
  for (const auto& one : findings(ranks, "/data", without_pmi)) {
    lines.push_back(std::string(word(one.severity)) + " " + one.where + ": " + one.what);
  }
  return lines;
}

TEST(Health, of_ranks_that_have_everything_gives_no_finding) {
  EXPECT_THAT(told({healthy(0, "a"), healthy(1, "a"), healthy(2, "b")}), IsEmpty());
}

TEST(Health, a_rank_that_was_slow_to_answer_has_no_wrong_clock) {
  auto master = healthy(0, "a"), slow = healthy(1, "b");
  master.answered_s = master.asked_s + 5;
  slow.clock_s = master.clock_s + 4;
  EXPECT_THAT(told({master, slow}), IsEmpty());
  slow.clock_s = master.answered_s + 7;
  EXPECT_THAT(told({master, slow}), ElementsAre(HasSubstr("7 s ahead of rank 0's")));
}

TEST(Health, names_each_thing_that_is_wrong_with_its_host_and_mend) {
  const auto one_wrong = [](auto change) {
    auto rank = healthy(1, "b");
    change(rank);
    return told({healthy(0, "a"), rank});
  };
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.version = "2.0"; }), ElementsAre(HasSubstr("error b: runs gradus 2.0")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.mpi_library = "Other"; }), ElementsAre(HasSubstr("error b: has Other")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.sees_probe = false; }), ElementsAre(HasSubstr("error b: does not see")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.can_write = false; }), ElementsAre(HasSubstr("cannot write to /data")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.lock = ProbeLock::ignored; }), ElementsAre(HasSubstr("do not hold")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.lock = ProbeLock::broken; }), ElementsAre(HasSubstr("has no locks")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.clock_s -= 30; }), ElementsAre(HasSubstr("30 s behind rank 0's")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.clock_s += 0.5; }), IsEmpty());
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.open_files = 256; }), ElementsAre(HasSubstr("ulimit -n")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.open_files = 0; }), IsEmpty());
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.processes = 100; }), ElementsAre(HasSubstr("ulimit -u")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.shm_free_kib = 10; }), ElementsAre(HasSubstr("/dev/shm")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.report.cores = {0}; }), ElementsAre(HasSubstr("--bind-to none")));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.report.gpu_doubt = "odd"; }), ElementsAre("warning b rank 1: odd"));
  EXPECT_THAT(one_wrong([](RankHealth& r) { r.gpu_trouble = true; }), ElementsAre(HasSubstr("sbatch --exclude")));
}

TEST(Health, says_once_that_rank_0_cannot_write_at_all) {
  auto a = healthy(0, "a"), b = healthy(1, "b");
  a.sees_probe = b.sees_probe = false;
  EXPECT_THAT(told({a, b}), ElementsAre(HasSubstr("error a: rank 0 cannot write to /data")));
}

TEST(Health, wants_the_ranks_of_a_node_to_see_the_same_gpus_or_each_its_own) {
  const auto with = [](std::vector<std::string> first, std::vector<std::string> second, const char* host) {
    auto a = healthy(0, "a"), b = healthy(1, host);
    for (const auto& id : first) a.report.gpus.push_back({id, "", "", ""});
    for (const auto& id : second) b.report.gpus.push_back({id, "", "", ""});
    return told({a, b});
  };
  EXPECT_THAT(with({"x", "y"}, {"y", "x"}, "a"), IsEmpty());
  EXPECT_THAT(with({"x"}, {"y"}, "a"), IsEmpty());
  EXPECT_THAT(with({"x", "y"}, {"y"}, "a"), ElementsAre(HasSubstr("ranks 0 and 1 see partly the same GPUs")));
  EXPECT_THAT(with({"x", "y"}, {"y"}, "b"), IsEmpty());
}

TEST(Health, tells_the_worst_first_and_the_same_once) {
  auto a = healthy(0, "a"), b = healthy(1, "b"), c = healthy(2, "b");
  b.open_files = c.open_files = 256;
  c.sees_probe = false;
  EXPECT_THAT(told({a, b, c}), ElementsAre(HasSubstr("error b"), HasSubstr("warning b")));
  EXPECT_THAT(told({a}, true), ElementsAre(HasSubstr("srun --mpi=pmix")));
}

TEST(Health, crosses_the_wire_and_is_refused_when_torn) {
  auto health = healthy(3, "a");
  health.asked_s = health.answered_s = 0;  // rank 0 knows them itself
  health.variables = {{"SLURM_JOB_ID", "7"}};
  health.report.gpus.push_back({"GPU-1", "0", "model", "0000:01:00.0"});
  const auto bytes = to_bytes(health);
  EXPECT_EQ(read_rank_health(bytes), health);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(read_rank_health(bytes.substr(0, size)));
}

TEST(Health, is_told_in_text_and_json) {
  auto rank = healthy(0, "a");
  rank.memory_kib = 24105ULL << 10;
  EXPECT_THAT(health_text({rank}, {}), HasSubstr("cores   0-7 (8 of 8)"));
  EXPECT_THAT(health_text({rank}, {}), HasSubstr("memory  24 GiB\n"));
  EXPECT_THAT(health_text({rank}, {}), HasSubstr("/dev/shm 1.0 GiB free"));
  EXPECT_THAT(health_text({rank}, {}), HasSubstr("nothing is wrong"));
  const auto json = nlohmann::json::parse(health_json({rank}, findings({rank}, "/data", true)));
  EXPECT_EQ(json["schema"], "gradus-doctor/1");
  EXPECT_EQ(json["ranks"][0]["host"], "a");
  EXPECT_EQ(json["findings"][0]["severity"], "error");
}

}  // namespace
}  // namespace gradus
