// The handling of the probe as a process; shell scripts play the probe. What a driver answers through
// the real probe is in gpu/stand_in_driver_test.cpp.
#include "node/gpu_discovery.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace gradus {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr double ample_s = 60;

GpuDiscovery discover(const std::string& script, double limit_s = ample_s, std::vector<std::string> environment = {}) {
  environment.emplace_back("PATH=/usr/bin:/bin");
  return discover_gpus({"/bin/sh", "-c", script}, limit_s, environment);
}

std::vector<int> open_descriptors() {
  std::vector<int> open;
  for (int fd = 0; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) open.push_back(fd);
  }
  return open;
}

bool has_child() { return waitpid(-1, nullptr, WNOHANG) >= 0; }

/// A zombie counts as ended: whoever adopted it may be slow to reap.
bool is_alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(stat, line)) return false;
  return line.at(line.rfind(')') + 2) != 'Z';
}

std::string temporary_file() {
  std::string path = "/tmp/gradus-probe-XXXXXX";
  const int fd = mkstemp(path.data());
  EXPECT_GE(fd, 0);
  close(fd);
  return path;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(GpuDiscovery, takes_what_the_probe_says) {
  const GpuDiscovery found = discover("printf 'gpu\\t0\\tGPU-a\\t0000:17:00.0\\tA name\\nok\\n'");
  EXPECT_EQ(found.source, GpuSource::driver);
  EXPECT_THAT(found.gpus, ElementsAre(VisibleGpu{"GPU-a", "0", "A name", "0000:17:00.0"}));
  EXPECT_EQ(found.note, "");
}

TEST(GpuDiscovery, reads_the_list_from_the_environment_it_was_given_and_not_from_its_own) {
  const GpuDiscovery found = discover("echo ok", ample_s, {"CUDA_VISIBLE_DEVICES=5"});
  EXPECT_EQ(found.inherited, "5");
}

TEST(GpuDiscovery, gives_the_probe_the_environment_and_the_order_of_devices_that_steps_get) {
  const std::string path = temporary_file();
  const std::string script = "echo $CUDA_DEVICE_ORDER $MINE >" + path + "; echo ok";
  discover(script, ample_s, {"MINE=yes"});
  EXPECT_EQ(content_of(path), "PCI_BUS_ID yes\n");
  discover(script, ample_s, {"CUDA_DEVICE_ORDER=FASTEST_FIRST"});
  EXPECT_EQ(content_of(path), "FASTEST_FIRST\n");
  std::filesystem::remove(path);
}

TEST(GpuDiscovery, gives_the_probe_no_descriptor_of_ours_and_a_group_of_its_own) {
  const std::string path = temporary_file();
  const int leak = dup2(STDERR_FILENO, 200);  // not close-on-exec, as a launcher's pipes are not
  ASSERT_EQ(leak, 200);
  discover(
      "{ test -e /proc/$$/fd/200 && echo leaked || echo tight; readlink /proc/$$/fd/0 /proc/$$/fd/2; "
      "cut -d' ' -f5 /proc/$$/stat; echo $$; } >" +
      path + "; echo ok");
  close(leak);
  std::istringstream said(content_of(path));
  std::string descriptor, input, errors, group, pid;
  said >> descriptor >> input >> errors >> group >> pid;
  EXPECT_EQ(descriptor, "tight");
  EXPECT_EQ(input, "/dev/null");
  EXPECT_EQ(errors, "/dev/null");
  EXPECT_EQ(group, pid);
  EXPECT_FALSE(pid.empty());
  std::filesystem::remove(path);
}

TEST(GpuDiscovery, leaves_no_descriptor_and_no_child) {
  const std::vector<int> before = open_descriptors();
  ASSERT_FALSE(has_child());
  for (const char* script : {"echo ok", "exit 3", "kill -SEGV $$", "head -c 3000000 /dev/zero"}) {
    discover(script);
    EXPECT_EQ(open_descriptors(), before) << script;
    EXPECT_FALSE(has_child()) << script;
  }
  discover("sleep 1000", 0.05);
  discover_gpus({"/nonexistent/probe"}, ample_s, {});
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_FALSE(has_child());
}

TEST(GpuDiscovery, ends_a_hanging_probe_with_its_whole_group_and_says_what_to_look_at) {
  const std::string path = temporary_file();
  GpuDiscovery found;
  // Again where the shell did not come to start its own within the time.
  for (int i = 0; i < 5 && content_of(path).empty(); ++i) {
    found =
        discover("trap '' TERM; sleep 1000 & echo $! >" + path + "; wait; sleep 1000", 2, {"CUDA_VISIBLE_DEVICES=1"});
  }
  EXPECT_EQ(found.source, GpuSource::visible_list);
  EXPECT_TRUE(found.trouble);
  EXPECT_THAT(found.note, AllOf(HasSubstr("within 2 s"), HasSubstr("nvidia-smi")));
  const pid_t grandchild = std::stoi(content_of(path));
  for (int i = 0; i < 500 && is_alive(grandchild); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(is_alive(grandchild));
  std::filesystem::remove(path);
}

TEST(GpuDiscovery, ends_a_probe_that_closed_its_output_and_hangs_afterwards) {
  const GpuDiscovery found = discover("exec >/dev/null; sleep 1000", 0.2);
  EXPECT_TRUE(found.trouble);
  EXPECT_FALSE(has_child());
}

TEST(GpuDiscovery, believes_a_whole_answer_however_the_probe_ended) {
  EXPECT_EQ(discover("echo ok; kill -SEGV $$").source, GpuSource::driver);
  EXPECT_EQ(discover("echo ok; exit 7").source, GpuSource::driver);
  auto source = GpuSource::visible_list;
  for (int i = 0; i < 5 && source != GpuSource::driver; ++i) source = discover("echo ok; sleep 1000", 2).source;
  EXPECT_EQ(source, GpuSource::driver);
}

TEST(GpuDiscovery, says_how_a_probe_without_answer_ended) {
  EXPECT_THAT(discover("exit 3").note, HasSubstr("exit code 3"));
  EXPECT_THAT(discover("kill -SEGV $$").note, HasSubstr("signal 11"));
  EXPECT_THAT(discover("echo what is this; exit 1").note, HasSubstr("`what is this`"));
  EXPECT_THAT(discover_gpus({"/nonexistent/probe"}, ample_s, {}).note,
              AllOf(HasSubstr("/nonexistent/probe"), HasSubstr("No such file")));
  EXPECT_THAT(discover_gpus({}, ample_s, {}).note, HasSubstr("no probe"));
}

TEST(GpuDiscovery, stops_a_probe_that_writes_without_end_and_does_not_wait_for_the_limit) {
  EXPECT_THAT(discover("yes").note, AllOf(Not(HasSubstr("no end")), HasSubstr("`y`")));
}

TEST(GpuDiscovery, does_not_mistake_the_first_half_of_an_answer_for_the_whole) {
  const GpuDiscovery found = discover("printf 'gpu\\t0\\tGPU-a\\t\\t\\n'; exit 1");
  EXPECT_THAT(found.gpus, IsEmpty());
  EXPECT_EQ(found.source, GpuSource::nothing);
}

TEST(GpuDiscovery, unblocks_signals_for_the_probe) {
  // An MPI rank may have blocked all signals; a driver's helper would then never hear of SIGALRM or SIGCHLD.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  const GpuDiscovery found = discover("kill -TERM $$; echo ok");
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  EXPECT_THAT(found.note, HasSubstr("signal 15"));
}

TEST(GpuDiscovery, works_where_ended_children_are_reaped_by_the_kernel) {
  auto* const old = signal(SIGCHLD, SIG_IGN);
  const GpuDiscovery found = discover("exit 3");
  signal(SIGCHLD, old);
  EXPECT_THAT(found.note, EndsWith("the probe ended early"))
      << "neither a wait until the limit nor an invented exit code";
}

}  // namespace
}  // namespace gradus
