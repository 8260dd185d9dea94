#include "gradus/journal.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "core/step_keys.h"
#include "run/journal_reader.h"
#include "run/journal_records.h"
#include "run/seal.h"
#include "support/temporary_folder.h"

namespace {

off_t synced_size = 0;  // of the file that was synced last
bool sync_fails = false;

}  // namespace

/// In place of libc's: nothing else shows whether a journal was synced.
extern "C" int fdatasync(int fd) {
  if (sync_fails) {
    errno = EIO;
    return -1;
  }
  struct stat status {};
  if (fstat(fd, &status) == 0) synced_size = status.st_size;
  return 0;
}

namespace gradus {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<const Graph> two_steps() {
  GraphBuilder builder("steps.jsonl");
  StepOptions options;
  options.env = {{"TOKEN", "secret-value"}};
  Step step;
  step.options = builder.intern(options);
  step.id = builder.store("align");
  step.command = builder.store("run %(GPU)s");
  builder.add(step);
  step.id = {};
  step.command = builder.store("echo done");
  builder.add(step);
  Diagnostics mistakes;
  return builder.build(mistakes);
}

Plan one_worker() {
  Plan plan;
  auto& rank = plan.ranks.emplace_back();
  rank.host = "n1";
  auto& slot = rank.slots.emplace_back();
  slot.gpus.push_back({"0", "2", "GPU-abc", "", ""});
  slot.cores = {4};
  return plan;
}

Decisions launch(StepIndex step, std::uint32_t attempt = 1) {
  Decisions decisions;
  decisions.launches.push_back({step, attempt, 0, {0}, {{0, 0}}});
  return decisions;
}

Decisions settle(StepIndex step, StepState state, StepIndex because_of = no_step) {
  Decisions decisions;
  decisions.settled.push_back({step, state, because_of});
  return decisions;
}

AttemptEnded end(StepIndex step, OutcomeKind kind = OutcomeKind::succeeded, std::uint32_t attempt = 1) {
  AttemptEnded fact{step, attempt, 0, {}};
  fact.result.outcome = {kind, kind == OutcomeKind::exit_code ? 3 : 0, ""};
  fact.result.started_at = 100;
  fact.result.ended_at = 102.5;
  return fact;
}

const Decisions nothing;

rlimit rlimit_of(__rlimit_resource resource) {
  rlimit limit{};
  getrlimit(resource, &limit);
  return limit;
}

std::string sealed(std::string record) {
  seal_record(record, 0);
  return record;
}

class JournalTest : public testing::Test {
 protected:
  /// Goes on where the journal, after being cut, ends.
  std::unique_ptr<Journal> open() {
    auto journal = std::make_unique<Journal>(path, read().whole_size, graph, plan);
    LifeRecord life{"0.1.0", "steps.jsonl", 2, "n1", 7, {"gradus", "run"}};
    journal->begin_life(life);
    return journal;
  }
  std::string text() const { return folder.read("journal.jsonl"); }
  JournalStory read() const { return read_journal(path).value_or(JournalStory()); }
  std::vector<json> records() const {
    std::vector<json> all;
    std::istringstream in(text());
    for (std::string line; std::getline(in, line);) all.push_back(json::parse(line));
    return all;
  }
  JournalStory::StepState state(StepIndex step) const {
    const auto story = read();
    const auto it = story.steps.find(keys[step].key);
    return it == story.steps.end() ? JournalStory::StepState{} : it->second;
  }

  tests::TemporaryFolder folder;
  std::string path = folder.file("journal.jsonl");
  std::shared_ptr<const Graph> graph = two_steps();
  Plan plan = one_worker();
  std::vector<StepKey> keys = step_keys(*graph);
};

TEST_F(JournalTest, holds_a_whole_life_as_json_lines) {
  {
    const auto journal = open();
    journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
    journal->commit(0);
    journal->on_fact(end(0), settle(0, StepState::succeeded), 1);
    journal->commit(1);
    StepCounts counts;
    counts.succeeded = 1;
    journal->end_life(0, counts);
  }
  const auto all = records();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0]["life"], 2);
  EXPECT_EQ(all[0]["argv"], (json{"gradus", "run"}));
  EXPECT_EQ(all[1]["slots"][0]["gpus"], json{"GPU-abc"});
  EXPECT_EQ(all[2]["launch"], 1);
  EXPECT_EQ(all[2]["id"], "align");
  EXPECT_EQ(all[2]["gpus"], json{"0"});
  EXPECT_EQ(all[3]["end"], 1);
  EXPECT_EQ(all[3]["final"], "succeeded");
  EXPECT_EQ(all[3]["stop"], 102.5);
  EXPECT_EQ(all[4]["over"], 0);
}

TEST_F(JournalTest, an_end_tells_of_gpus_and_of_bytes_only_what_is_known) {
  const auto journal = open();
  const auto record_of = [&](const Usage& usage) {
    journal->on_time(launch(0), 0);
    auto fact = end(0);
    fact.result.usage = usage;
    journal->on_fact(fact, nothing, 1);
    journal->commit(1);
    return records().back();
  };
  Usage usage;
  for (const auto* key : {"in", "out", "gpu_busy", "gpu_samples", "gpu_mem", "gpu_total"}) {
    EXPECT_FALSE(record_of(usage).contains(key)) << key;
  }
  usage.in_bytes = 512;
  usage.out_bytes = std::uint64_t{1} << 40;
  usage.gpu = {7, 0.344F, 1234, 81559};
  const auto all = record_of(usage);
  EXPECT_EQ(all["in"], 512);
  EXPECT_EQ(all["out"], std::uint64_t{1} << 40);
  EXPECT_EQ(all["gpu_busy"], 0.34);
  EXPECT_EQ(all["gpu_samples"], 7);
  EXPECT_EQ(all["gpu_mem"], 1234);
  EXPECT_EQ(all["gpu_total"], 81559);
  usage.gpu = {0, 0, 20, 9856};  // a MIG instance
  const auto mig = record_of(usage);
  EXPECT_FALSE(mig.contains("gpu_busy"));
  EXPECT_EQ(mig["gpu_mem"], 20);
}

TEST_F(JournalTest, what_an_attempt_used_is_read_as_it_was_written) {
  struct Ends : RecordSink {
    using RecordSink::on;
    void on(const EndRecord& record) override { usage = record.usage; }
    Usage usage;
  } ends;
  auto fact = end(0);
  fact.result.usage = {1.5, 0.25, 7, 512, std::uint64_t{1} << 40, {7, 0.34F, 1234, 81559}};
  const auto journal = open();
  journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
  journal->on_fact(fact, nothing, 1);
  journal->commit(1);
  auto whole = text();
  const auto size = whole.size();
  whole.reserve(size + 128);
  JournalRecords records("j", ends);
  EXPECT_EQ(records.read(whole.data(), size, whole.capacity()), size);
  EXPECT_EQ(ends.usage, fact.result.usage);
}

TEST_F(JournalTest, nothing_is_written_before_commit_and_all_of_a_turn_with_it) {
  const auto journal = open();
  const auto before = text();
  journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
  journal->on_time(launch(1), 0);
  EXPECT_EQ(text(), before);
  journal->commit(0);
  EXPECT_EQ(records().size(), 4U);
}

TEST_F(JournalTest, says_of_a_skipped_step_because_of_whom) {
  const auto journal = open();
  journal->on_time(launch(0), 0);
  auto decisions = settle(0, StepState::failed);
  decisions.settled.push_back({1, StepState::skipped, 0});
  journal->on_fact(end(0, OutcomeKind::exit_code), decisions, 1);
  journal->commit(1);
  const auto all = records();
  EXPECT_EQ(all[2]["final"], "failed");
  EXPECT_EQ(all[2]["code"], 3);
  EXPECT_EQ(all[3]["settled"], 2);
  EXPECT_EQ(all[3]["because"], 1);
}

TEST_F(JournalTest, an_attempt_that_will_be_tried_again_is_not_final) {
  const auto journal = open();
  journal->on_time(launch(0), 0);
  journal->on_fact(end(0, OutcomeKind::exit_code), launch(0, 2), 1);
  journal->commit(1);
  EXPECT_FALSE(records()[2].contains("final"));
  EXPECT_EQ(records()[3]["a"], 2);
}

TEST_F(JournalTest, an_end_that_nothing_waited_for_is_recorded_as_stray_and_makes_nothing_succeed) {
  const auto journal = open();
  auto lost = launch(0, 2);
  lost.lost.push_back({0, 1, 0});
  journal->on_time(launch(0, 1), 0);
  journal->on_fact(WorkerLost{0, "gone"}, lost, 1);
  journal->on_fact(end(0, OutcomeKind::succeeded, 1), nothing, 2);  // of the attempt given up for lost
  journal->on_fact(end(1), nothing, 2);                             // never launched
  auto other_worker = end(0, OutcomeKind::succeeded, 2);
  other_worker.worker = 9;
  journal->on_fact(other_worker, nothing, 2);
  journal->commit(2);
  std::size_t strays = 0;
  for (const auto& record : records()) strays += record.contains("stray") ? 1 : 0;
  EXPECT_EQ(strays, 3U);
  EXPECT_FALSE(state(0).succeeded);
  journal->on_fact(end(0, OutcomeKind::succeeded, 2), settle(0, StepState::succeeded), 3);
  journal->commit(3);
  EXPECT_TRUE(state(0).succeeded);
}

TEST_F(JournalTest, workers_that_nobody_planned_and_impossible_times_do_no_harm) {
  const auto journal = open();
  journal->on_fact(WorkerJoined{99, {}, false}, nothing, 0);
  journal->on_time(launch(0), 0);
  auto fact = end(0);
  fact.result.started_at = -std::numeric_limits<double>::infinity();
  fact.result.usage.user_s = std::nan("");
  journal->on_fact(fact, settle(0, StepState::succeeded), 0);
  journal->commit(0);
  EXPECT_EQ(records().back()["start"], 0.0);
  EXPECT_TRUE(state(0).succeeded);
}

TEST_F(JournalTest, text_of_any_bytes_is_written_as_json) {
  const auto journal = open();
  journal->on_fact(WorkerLost{0, "say \"hi\"\n\x01 \xff caf\xc3\xa9"}, nothing, 0);
  journal->commit(0);
  EXPECT_EQ(records().back()["why"], "say \"hi\"\n\x01 \xef\xbf\xbd caf\xc3\xa9");
}

TEST_F(JournalTest, never_holds_a_steps_environment) {
  const auto journal = open();
  journal->on_time(launch(0), 0);
  journal->commit(0);
  EXPECT_THAT(text(), Not(HasSubstr("secret")));
}

TEST_F(JournalTest, is_not_writable_by_others) {
  open();
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 022, 0U);
}

/// Files may not grow beyond a size while this lives: what a full disk looks like to write(2).
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    before_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit small{bytes, limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    signal(SIGXFSZ, before_);
  }

 private:
  rlimit limit_{};
  void (*before_)(int) = nullptr;
};

TEST_F(JournalTest, a_full_disk_is_said_with_the_path_and_nothing_is_written_after) {
  const auto journal = open();
  const auto good = text();
  journal->on_time(launch(0), 0);
  {
    const FullDisk full(good.size() + 20);
    try {
      journal->commit(0);
      FAIL() << "must throw";
    } catch (const std::system_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path));
      EXPECT_EQ(error.code().value(), EFBIG);
    }
  }
  const auto torn = text();
  EXPECT_EQ(torn.size(), good.size() + 20);
  journal->on_time(launch(1), 1);
  EXPECT_THROW(journal->commit(1), std::system_error);
  EXPECT_THROW(journal->end_life(3, {}), std::system_error);
  EXPECT_EQ(text(), torn);
  EXPECT_EQ(read().whole_size, good.size());
  EXPECT_EQ(read().torn_bytes, 20U);
}

TEST_F(JournalTest, a_folder_that_is_not_there_is_said_with_the_path) {
  try {
    Journal(folder.file("no/journal.jsonl"), 0, graph, plan);
    FAIL() << "must throw";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no/journal.jsonl"));
  }
}

TEST_F(JournalTest, a_step_is_done_with_its_last_end_and_no_longer_with_its_next_launch) {
  {
    const auto journal = open();
    journal->on_time(launch(0), 0);
    journal->commit(0);
    EXPECT_FALSE(state(0).succeeded);
    journal->on_fact(end(0), settle(0, StepState::succeeded), 1);
    journal->commit(1);
    EXPECT_TRUE(state(0).succeeded);
    EXPECT_EQ(state(0).digest, keys[0].digest);
    EXPECT_DOUBLE_EQ(state(0).seconds, 2.5);
  }
  const auto journal = open();
  journal->on_time(launch(0), 0);
  journal->commit(0);
  EXPECT_FALSE(state(0).succeeded);
  EXPECT_EQ(read().lives, 2U);
}

TEST_F(JournalTest, ordinals_and_attempts_count_within_a_life) {
  {
    const auto journal = open();
    journal->on_time(launch(0), 0);
    journal->commit(0);
  }
  const auto killed = text();
  folder.write("journal.jsonl", killed + sealed(R"({"life":2,"count":2})") +
                                    sealed(R"({"end":1,"a":1,"outcome":"succeeded","start":1,"stop":2})"));
  EXPECT_THROW(read(), std::runtime_error) << "nothing was launched in that life";
}

TEST_F(JournalTest, one_that_somebody_cuts_while_it_is_written_is_noticed) {
  const auto journal = open();
  journal->on_time(launch(0), 0);
  journal->commit(0);
  folder.write("journal.jsonl", "");
  EXPECT_THROW(journal->end_life(0, {}), std::system_error);
}

TEST_F(JournalTest, is_synced_at_the_ends_of_a_life_and_within_two_seconds_of_a_record_though_nothing_more_happens) {
  const auto journal = open();
  const auto size = [&] { return static_cast<off_t>(text().size()); };
  EXPECT_EQ(synced_size, size());
  journal->on_fact(end(0), launch(0), 100);
  journal->commit(100);
  EXPECT_EQ(synced_size, size());
  EXPECT_EQ(journal->next_wish(100), std::numeric_limits<double>::infinity());
  journal->on_fact(end(0), launch(1), 100.5);
  journal->commit(100.5);
  EXPECT_LT(synced_size, size());
  const double wish = journal->next_wish(100.5);
  EXPECT_LE(wish, 102.5);
  journal->commit(wish);
  EXPECT_EQ(synced_size, size());
  journal->on_fact(end(1), nothing, wish + 0.1);
  journal->commit(wish + 0.1);
  EXPECT_LT(synced_size, size());
  journal->end_life(0, {});
  EXPECT_EQ(synced_size, size());
}

TEST_F(JournalTest, counts_the_successes_that_it_could_not_record) {
  const auto journal = open();
  journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
  journal->on_fact(end(0), settle(0, StepState::succeeded), 1);
  journal->on_time(launch(1), 1);
  journal->commit(1);
  EXPECT_EQ(journal->unrecorded_successes(), 0U);
  journal->on_fact(end(1), settle(1, StepState::succeeded), 1.5);
  // Room for half of the record: what was torn is not there.
  const auto old = rlimit_of(RLIMIT_FSIZE);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{text().size() + 50, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full);
  EXPECT_THROW(journal->commit(1.5), std::system_error);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(journal->unrecorded_successes(), 1U);
  EXPECT_TRUE(state(0).succeeded);
  EXPECT_FALSE(state(1).succeeded);
}

TEST_F(JournalTest, counts_the_successes_since_the_last_sync_where_one_fails) {
  const auto journal = open();
  journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
  journal->on_fact(end(0), settle(0, StepState::succeeded), 1);
  journal->on_time(launch(1), 1);
  journal->commit(10);
  journal->on_fact(end(1), settle(1, StepState::succeeded), 20);
  sync_fails = true;
  EXPECT_THROW(journal->commit(20), std::system_error);
  sync_fails = false;
  EXPECT_EQ(journal->unrecorded_successes(), 1U) << "the first was on the disk";
}

TEST_F(JournalTest, counts_all_successes_where_its_file_was_removed) {
  const auto journal = open();
  journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
  journal->on_fact(end(0), settle(0, StepState::succeeded), 1);
  journal->commit(1);
  journal->on_time(launch(1), 1);
  unlink(path.c_str());
  EXPECT_THROW(journal->commit(10), std::system_error);
  journal->on_fact(end(1), settle(1, StepState::succeeded), 11);
  EXPECT_EQ(journal->unrecorded_successes(), 2U);
}

TEST_F(JournalTest, says_which_failure_stopped_the_run) {
  auto decisions = settle(1, StepState::failed);
  decisions.stopped_by = 1;
  {
    const auto journal = open();
    journal->on_fact(WorkerJoined{0, {}, false}, launch(1), 0);
    journal->on_fact(end(1, OutcomeKind::exit_code), decisions, 1);
    journal->commit(1);
  }
  const auto stop = records().back();
  EXPECT_EQ(stop["stop"], "error");
  EXPECT_EQ(stop["step"], 2);
  EXPECT_EQ(stop["why"], "--on-error stop: " + graph->name(1) + " has failed");
}

TEST_F(JournalTest, cut_at_any_byte_it_can_be_gone_on_with) {
  {
    const auto journal = open();
    journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
    journal->on_fact(end(0), settle(0, StepState::succeeded), 1);
    journal->on_fact(StopRequested{StopKind::drain, "signal USR1", 10}, nothing, 1);
    journal->commit(1);
  }
  const auto whole = text();
  const auto first_end = whole.find("{\"end\"");
  const auto end_of_end = whole.find('\n', first_end);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    folder.write("journal.jsonl", whole.substr(0, cut));
    EXPECT_EQ(state(0).succeeded, cut > end_of_end) << cut;
    if (cut % 8 != 0) continue;  // opening waits for the disk
    open();
    ASSERT_EQ(read().torn_bytes, 0U) << cut;
    EXPECT_EQ(state(0).succeeded, cut > end_of_end) << cut;
    records();
  }
}

TEST_F(JournalTest, damage_in_the_middle_is_an_error_that_names_file_line_and_byte) {
  const auto life = sealed(R"({"life":2,"count":2})");
  const auto message = [&](const std::string& broken) -> std::string {
    try {
      read_journal_text("j", life + (broken.ends_with('}') ? sealed(broken) : broken + "\n") + life);
      return "no error";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  };
  for (const std::string broken :
       {"", "garbage", R"({"launch":1,"a":1,"key":"12)", R"({"launch":1,"a":1,"key":"xyz","digest":"0"})",
        R"({"launch":3,"a":1,"key":"1","digest":"0"})", R"({"launch":0,"a":1,"key":"1","digest":"0"})",
        R"({"launch":99999999999,"a":1,"key":"1","digest":"0"})", R"({"end":1,"a":1,"outcome":"succeeded"})",
        R"({"stop":"drain")", R"({"launch":1,"a":1,"key":"1","digest":"0")", "[1]", "{}", "\xff"}) {
    EXPECT_THAT(message(broken), HasSubstr(fmt::format("j: line 2 (byte {}) is damaged", life.size()))) << broken;
  }
}

TEST_F(JournalTest, any_flipped_bit_is_found_and_its_line_named) {
  {
    const auto journal = open();
    journal->on_fact(WorkerJoined{0, {}, false}, launch(0), 0);
    journal->on_fact(end(0), settle(0, StepState::succeeded), 1);
    journal->end_life(0, {});
  }
  const auto whole = text();
  for (std::size_t byte = 0; byte + 1 < whole.size(); ++byte) {
    auto flipped = whole;
    flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << (byte % 7)));
    const auto lines_before = std::count(whole.begin(), whole.begin() + static_cast<long>(byte), '\n');
    try {
      read_journal_text("j", flipped);
      ADD_FAILURE() << "byte " << byte << " was flipped unseen";
    } catch (const std::runtime_error& error) {
      const std::string what = error.what();
      EXPECT_TRUE(what.find(fmt::format("line {} ", lines_before + 1)) != std::string::npos ||
                  what.find("another version") != std::string::npos)
          << byte << ": " << what;
    }
  }
}

TEST_F(JournalTest, another_version_is_an_error_that_says_so) {
  try {
    read_journal_text("j", "{\"life\":1,\"count\":2}\n");
    FAIL() << "must throw";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("journal version 1, this one reads 2"));
  }
}

TEST_F(JournalTest, a_file_that_does_not_begin_with_a_life_is_no_journal) {
  EXPECT_THROW(read_journal_text("j", "{\"name\":1}\n"), std::runtime_error);
  EXPECT_EQ(read_journal_text("j", "").lives, 0U);
}

TEST_F(JournalTest, one_that_is_not_there_is_none_and_one_that_cannot_be_read_is_not_taken_for_an_empty_one) {
  EXPECT_FALSE(read_journal(folder.file("none.jsonl")));
  std::filesystem::create_symlink("loop.jsonl", folder.file("loop.jsonl"));  // ELOOP, for root too
  EXPECT_THROW(read_journal(folder.file("loop.jsonl")), std::system_error);
}

TEST_F(JournalTest, one_of_many_pieces_is_read_as_a_whole) {
  std::string all = sealed(R"({"life":2,"count":1})");
  while (all.size() < 20'000'000) {
    all += sealed(
        fmt::format(R"({{"launch":1,"t":1.0,"a":1,"worker":0,"slots":[0],"key":"{:x}","digest":"1"}})", all.size()));
    all += sealed(fmt::format(R"({{"end":1,"t":1.0,"a":1,"worker":0,"outcome":"succeeded","start":1.0,"stop":2.0}})"));
  }
  const auto whole = all.size();
  folder.write("long.jsonl", all + R"({"torn)");
  const auto story = read_journal(folder.file("long.jsonl"));
  ASSERT_TRUE(story);
  EXPECT_EQ(story->whole_size, whole);
  EXPECT_EQ(story->torn_bytes, 6U);
  const auto same = read_journal_text("j", all);
  EXPECT_EQ(story->steps.size(), same.steps.size());
  EXPECT_GT(story->steps.size(), 50'000U);
  for (const auto& [key, step] : story->steps) ASSERT_TRUE(step.succeeded) << key;
}

TEST_F(JournalTest, records_of_kinds_that_do_not_matter_for_going_on_are_passed_over) {
  const auto story = read_journal_text("j", sealed(R"({"life":2,"count":1})") + sealed(R"({"weather":"fine"})"));
  EXPECT_EQ(story.lives, 1U);
  EXPECT_TRUE(story.steps.empty());
}

}  // namespace
}  // namespace gradus
