#include "node/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>
#include <vector>

#include "support/temporary_folder.h"

namespace gradus {
namespace {

using tests::TemporaryFolder;

/// Starts `words` and waits; what it wrote is in `output`.
struct Ran {
  pid_t pid = -1;
  int status = 0;
  StartFailure failure;
  std::string output;
};

Ran run(std::vector<const char*> words, const char* cwd = nullptr, std::vector<const char*> variables = {}) {
  const TemporaryFolder folder;
  const auto file = folder.file("out");
  Ran ran;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  {
    const ChildStack stack;
    words.push_back(nullptr);
    variables.push_back(nullptr);
    ChildSpec spec;
    spec.argv = words.data();
    spec.envp = variables.data();
    spec.cwd = cwd;
    spec.stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    spec.stdout_fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    spec.stderr_fd = spec.stdout_fd;
    ran.pid = start_child(spec, stack, ran.failure);
    if (ran.pid > 0) waitpid(ran.pid, &ran.status, 0);
    close(spec.stdin_fd);
    close(spec.stdout_fd);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ran.output = folder.read("out");
  return ran;
}

TEST(Child, runs_a_program_found_in_the_path_and_returns_its_exit_status) {
  const auto ran = run({"sh", "-c", "echo hello; exit 7"});
  EXPECT_EQ(WEXITSTATUS(ran.status), 7);
  EXPECT_EQ(ran.output, "hello\n");
}

TEST(Child, leads_a_process_group_of_its_own) {
  const auto ran = run({"sh", "-c", "ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat"});
  EXPECT_EQ(std::stoi(ran.output), ran.pid);
}

TEST(Child, sees_exactly_the_environment_it_was_given) {
  EXPECT_EQ(run({"env"}, nullptr, {"A=1", "B=two words"}).output, "A=1\nB=two words\n");
}

TEST(Child, inherits_no_descriptor_but_the_three) {
  const int leak = open("/dev/null", O_RDONLY);  // not close-on-exec, as a library's may be
  // The fourth is the one through which ls reads the folder.
  const auto ran = run({"ls", "/proc/self/fd"});
  close(leak);
  EXPECT_EQ(ran.output, "0\n1\n2\n3\n");
}

TEST(Child, starts_with_default_signals_though_its_parent_ignores_and_blocks_some) {
  signal(SIGPIPE, SIG_IGN);
  const auto ran = run({"sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status"});
  EXPECT_EQ(ran.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Child, says_which_call_failed_and_why) {
  const auto missing = run({"/no/such/program"});
  EXPECT_EQ(missing.pid, -1);
  EXPECT_STREQ(missing.failure.call, "execve");
  EXPECT_EQ(missing.failure.error, ENOENT);
  const auto folder = run({"true"}, "/no/such/folder");
  EXPECT_STREQ(folder.failure.call, "chdir");
  EXPECT_EQ(folder.failure.error, ENOENT);
  EXPECT_EQ(run({"no-such-program-anywhere"}).failure.error, ENOENT);
}

TEST(Child, tells_a_file_without_execute_permission_from_a_missing_one) {
  const TemporaryFolder folder;
  folder.write("script", "echo no\n");
  EXPECT_EQ(run({folder.file("script").c_str()}).failure.error, EACCES);
}

TEST(Child, runs_a_script_without_an_interpreter_line_by_the_shell) {
  const TemporaryFolder folder;
  folder.write("script", "echo \"$1\" \"$2\"\n");
  std::filesystem::permissions(folder.file("script"), std::filesystem::perms::owner_all);
  EXPECT_EQ(run({folder.file("script").c_str(), "a b", "c"}).output, "a b c\n");
}

TEST(Child, dies_when_the_thread_that_started_it_ends) {
  pid_t pid = -1;
  std::thread starter([&pid] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    const ChildStack stack;
    const char* argv[] = {"sleep", "60", nullptr};
    const char* envp[] = {nullptr};
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    ChildSpec spec;
    spec.argv = argv;
    spec.envp = envp;
    spec.stdin_fd = spec.stdout_fd = spec.stderr_fd = null;
    StartFailure failure;
    pid = start_child(spec, stack, failure);
    close(null);
  });
  starter.join();
  ASSERT_GT(pid, 0);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

}  // namespace
}  // namespace gradus
