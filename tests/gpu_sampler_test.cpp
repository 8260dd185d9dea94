#include "node/gpu_sampler.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>

#include "node/clock.h"
#include "node/gpu_meters.h"
#include "support/temporary_folder.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tests::TemporaryFolder;

const std::string uuid = "GPU-00000000-1111-2222-3333-444444444444";
constexpr double long_enough_s = 20;

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

/// What a meter was asked and what it is to answer, shared with the test that gives the meter away.
struct Script {
  std::mutex mutex;
  GpuMeter::Answer answer{{{uuid, 0U, 0.5F, 100U, 1000U}}, "", 0};
  std::vector<std::vector<std::string>> asked;
  bool hangs = false;

  std::size_t count() {
    const std::lock_guard lock(mutex);
    return asked.size();
  }
};

class ScriptedMeter : public GpuMeter {
 public:
  explicit ScriptedMeter(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  Answer read(const std::vector<std::string>& gpus, double /*limit_s*/, const std::atomic<bool>& give_up) override {
    bool hangs = false;
    {
      const std::lock_guard lock(script_->mutex);
      script_->asked.push_back(gpus);
      hangs = script_->hangs;
    }
    while (hangs && !give_up) nap();
    const std::lock_guard lock(script_->mutex);
    return script_->answer;
  }

 private:
  std::shared_ptr<Script> script_;
};

/// Signals blocked, as for every thread that starts children.
class GpuSamplerTest : public testing::Test {
 protected:
  GpuSamplerTest() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
    pace_.every_s = 0.02;
  }
  ~GpuSamplerTest() override { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  void add_meter(std::shared_ptr<Script> script) { meters_.push_back(std::make_unique<ScriptedMeter>(script)); }
  GpuSampler& sampler(const std::vector<std::vector<std::string>>& gpus = {{uuid}}) {
    if (!sampler_) {
      sampler_ = std::make_unique<GpuSampler>(gpus, std::move(meters_), pace_, [this](const std::string& line) {
        const std::lock_guard lock(mutex_);
        said_.push_back(line);
      });
    }
    return *sampler_;
  }
  std::vector<std::string> said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  template <class Condition>
  void wait_until(const Condition& condition) {
    const double until = monotonic_s() + long_enough_s;
    while (!condition() && monotonic_s() < until) nap();
    ASSERT_TRUE(condition());
  }

  std::shared_ptr<Script> script_ = std::make_shared<Script>();
  std::vector<std::unique_ptr<GpuMeter>> meters_;
  SamplingPace pace_;
  std::mutex mutex_;
  std::vector<std::string> said_;
  std::unique_ptr<GpuSampler> sampler_;
  sigset_t before_;
};

TEST_F(GpuSamplerTest, looks_only_while_a_step_uses_a_gpu) {
  add_meter(script_);
  sampler().began(0, {});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(script_->count(), 0U);
  sampler().began(0, {{0, 0}});
  wait_until([&] { return script_->count() >= 3; });
  EXPECT_EQ(sampler().ended(0).memory_mib, 100U);
  wait_until([&] {  // one look may be under way still
    const auto before = script_->count();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return script_->count() == before;
  });
}

TEST_F(GpuSamplerTest, looks_more_rarely_where_a_look_is_expensive) {
  script_->answer.cpu_s = 1000;
  add_meter(script_);
  sampler().began(0, {{0, 0}});
  wait_until([&] { return script_->count() >= 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(script_->count(), 1U);
}

TEST_F(GpuSamplerTest, after_some_failures_in_a_row_it_lets_it_be_and_says_so_once) {
  script_->answer = {{}, "the driver is sick", 0};
  add_meter(script_);
  sampler().began(0, {{0, 0}});
  wait_until([&] { return !said().empty(); });
  sampler().ended(0);
  sampler().began(0, {{0, 0}});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(script_->count(), 3U);
  EXPECT_THAT(said(), ElementsAre(HasSubstr("the driver is sick, 3 times in a row")));
  EXPECT_EQ(sampler().ended(0), GpuUse{});
}

TEST_F(GpuSamplerTest, an_answer_about_other_gpus_is_a_failure) {
  script_->answer.readings.front().uuid = "GPU-9";
  add_meter(script_);
  sampler().began(0, {{0, 0}});
  wait_until([&] { return !said().empty(); });
  EXPECT_THAT(said(), ElementsAre(HasSubstr("nothing was said of GPU " + uuid)));
}

TEST_F(GpuSamplerTest, a_way_that_does_not_work_is_left_for_the_next_one) {
  const auto broken = std::make_shared<Script>();
  broken->answer = {{}, "no library", 0};
  add_meter(broken);
  add_meter(script_);
  sampler().began(0, {{0, 0}});
  wait_until([&] { return script_->count() >= 5; });
  EXPECT_THAT(said(), IsEmpty());
  {
    const std::lock_guard lock(script_->mutex);
    script_->answer = {{}, "now sick, too", 0};
  }
  wait_until([&] { return !said().empty(); });
  EXPECT_EQ(broken->count(), 1U) << "it was gone back to";
}

TEST_F(GpuSamplerTest, does_not_wait_for_a_look_that_hangs) {
  script_->hangs = true;
  add_meter(script_);
  sampler().began(0, {{0, 0}});
  wait_until([&] { return script_->count() >= 1; });
  const double before = monotonic_s();
  EXPECT_EQ(sampler().ended(0), GpuUse{});
  sampler_.reset();
  EXPECT_LT(monotonic_s() - before, 5);
}

TEST_F(GpuSamplerTest, gpus_that_cannot_be_read_are_not_asked_for) {
  add_meter(script_);
  sampler({{"", uuid}, {""}}).began(1, {{1, 0}});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(script_->count(), 0U);
  sampler().began(0, {{0, 0}, {0, 1}});
  wait_until([&] { return script_->count() >= 1; });
  const std::lock_guard lock(script_->mutex);
  EXPECT_THAT(script_->asked.front(), ElementsAre(uuid));
}

/// A stand-in for nvidia-smi.
class ProgramMeterTest : public GpuSamplerTest {
 protected:
  GpuMeter::Answer read(const std::string& script, double limit_s = long_enough_s) {
    const auto file = folder_.file("nvidia-smi");
    std::ofstream(file) << "#!/bin/sh\n" << script << '\n';
    chmod(file.c_str(), 0755);
    ProgramMeter meter({file}, "nvidia-smi", nvidia_smi_words);
    return meter.read({uuid}, limit_s, give_up_);
  }

  TemporaryFolder folder_;
  std::atomic<bool> give_up_{false};
};

TEST_F(ProgramMeterTest, reads_what_the_program_prints_and_what_it_cost) {
  const auto answer = read("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo \"0, " + uuid + ", 34, 5, 6\"");
  EXPECT_THAT(answer.readings, ElementsAre(GpuReading{uuid, 0U, 0.34F, 5U, 6U}));
  EXPECT_EQ(answer.problem, "");
  EXPECT_GT(answer.cpu_s, 0);
}

TEST_F(ProgramMeterTest, asks_for_the_gpus_alone) {
  read("echo \"$@\" >" + folder_.file("words"));
  EXPECT_EQ(folder_.read("words"),
            "--query-gpu=index,uuid,utilization.gpu,memory.used,memory.total --format=csv,noheader,nounits -i " + uuid +
                "\n");
  EXPECT_THAT(nvidia_smi_words({uuid, "0"}), SizeIs(2));
}

TEST_F(ProgramMeterTest, a_warning_by_exit_code_does_not_spoil_the_figures) {
  EXPECT_THAT(read("echo \"0, " + uuid + ", 34, 5, 6\"; exit 14").readings, SizeIs(1));
}

TEST_F(ProgramMeterTest, tells_what_went_wrong) {
  EXPECT_THAT(read("exit 9").problem, HasSubstr("nvidia-smi ended early with exit code 9"));
  EXPECT_THAT(read("kill -SEGV $$").problem, HasSubstr("nvidia-smi was ended by signal 11"));
  EXPECT_THAT(read("yes garbage | head -n 1000").problem, HasSubstr("exit code 0"));
  ProgramMeter missing({"/no/such/nvidia-smi"}, "nvidia-smi", nvidia_smi_words);
  EXPECT_THAT(missing.read({uuid}, 1, give_up_).problem,
              HasSubstr("nvidia-smi could not be started: execve: No such file"));
}

TEST_F(ProgramMeterTest, a_program_that_hangs_is_ended_and_half_its_answer_does_not_count) {
  const double before = monotonic_s();
  const auto answer = read("echo \"0, " + uuid + ", 34, 5, 6\"; trap '' TERM; sleep 600 & wait", 0.3);
  EXPECT_LT(monotonic_s() - before, 10);
  EXPECT_THAT(answer.readings, IsEmpty());
  EXPECT_THAT(answer.problem, HasSubstr("no end within 0.3 s"));
}

TEST_F(ProgramMeterTest, a_program_that_writes_without_end_is_ended) {
  const auto answer = read("exec yes", 0.5);
  EXPECT_THAT(answer.readings, IsEmpty());
}

TEST_F(ProgramMeterTest, is_given_up_at_once_when_the_run_ends) {
  give_up_ = true;
  const double before = monotonic_s();
  read("sleep 600", 100);
  EXPECT_LT(monotonic_s() - before, 10);
}

TEST(NvidiaSmi, is_looked_for_in_the_path) {
  TemporaryFolder folder;
  EXPECT_EQ(find_nvidia_smi(folder.path() + "::/no/such"), "");
  std::ofstream(folder.file("nvidia-smi")) << "";
  EXPECT_EQ(find_nvidia_smi(folder.path()), "") << "not executable";
  chmod(folder.file("nvidia-smi").c_str(), 0755);
  EXPECT_EQ(find_nvidia_smi("/no/such:" + folder.path()), folder.file("nvidia-smi"));
}

TEST(NvidiaSmi, is_asked_of_uuids_and_of_numbers_only_where_these_are_in_its_order) {
  EXPECT_TRUE(can_be_read(uuid));
  EXPECT_TRUE(can_be_read("3"));
  EXPECT_FALSE(can_be_read(""));
  EXPECT_FALSE(can_be_read("a"));
  setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST", 1);
  EXPECT_FALSE(can_be_read("3"));
  unsetenv("CUDA_DEVICE_ORDER");
}

}  // namespace
}  // namespace gradus
