#include <gmock/gmock.h>

#include <map>

#include "core/launcher_environment.h"
#include "gradus/attempt.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

bool nothing_inherited(std::string_view) { return false; }
bool all_inherited(std::string_view) { return true; }

/// Rank 3 on host n1 with two slots: GPUs 2 and 3 (tokens 6 and 7) on slot 4, none on slot 5.
PlannedRank a_rank() {
  PlannedRank rank;
  rank.rank = 3;
  rank.host = "n1";
  rank.local_rank = 1;
  rank.slots.push_back({4, 3, 1, false, {{"2", "6", "GPU-a", "", ""}, {"3", "7", "GPU-b", "", ""}}, {0, 1}});
  rank.slots.push_back({5, 3, 2, false, {}, {2}});
  return rank;
}
AttemptOrder gpu_order(const std::string& command) {
  AttemptOrder order;
  order.step = 16;
  order.attempt = order.number = 2;
  order.slots = {0};
  order.gpus = {{0, 0}, {0, 1}};
  order.id = "align";
  order.command = command;
  return order;
}
AttemptOrder cpu_order(const std::string& command) {
  auto order = gpu_order(command);
  order.slots = {1};
  order.gpus.clear();
  return order;
}
RunSettings settings() {
  RunSettings settings;
  settings.run_dir = "/runs/a.run";
  return settings;
}
PreparedCommand prepared(const AttemptOrder& order, const RunSettings& with = settings(), bool inherited = false) {
  return prepare(order, a_rank(), with, inherited ? all_inherited : nothing_inherited);
}
std::map<std::string, std::string> variables(const PreparedCommand& command) {
  std::map<std::string, std::string> all;
  for (const auto& [name, value] : command.env) all[name] = value;
  return all;
}

TEST(Prepare, writes_gpu_marks_out_in_each_form) {
  EXPECT_THAT(prepared(gpu_order("x -Gpu %(GPU)s")).argv, ElementsAre("x", "-Gpu", "2", "3"));
  EXPECT_THAT(prepared(gpu_order("x %(GPU_COMMA)s %(GPU_COLON)s %(GPU_FROM1)s %(GPU_COUNT)s %(GPU_ENV)s")).argv,
              ElementsAre("x", "2,3", "2:3", "3", "4", "2", "6,7"));
}

TEST(Prepare, tells_a_step_nothing_of_attempts_that_never_began) {
  auto order = gpu_order("x %(ATTEMPT)s");
  order.attempt = 5;
  const auto step = prepared(order);
  EXPECT_THAT(step.argv, ElementsAre("x", "2"));
  EXPECT_EQ(variables(step).at("GRADUS_ATTEMPT"), "2");
}

TEST(Prepare, writes_the_other_marks_out) {
  EXPECT_THAT(
      prepared(
          gpu_order("x %(STEP)s %(ATTEMPT)s %(RANK)s %(LOCAL_RANK)s %(THREAD)s %(SLOT)s %(HOST)s %(CPUS)s %(RUN_DIR)s"))
          .argv,
      ElementsAre("x", "17", "2", "3", "1", "1", "4", "n1", "2", "/runs/a.run"));
}

TEST(Prepare, gives_tokens_to_a_visible_devices_variable_and_counts_positions_from_0_then) {
  const auto command = prepared(gpu_order("CUDA_VISIBLE_DEVICES=%(GPU)s x --gpu %(GPU_COMMA)s"));
  EXPECT_THAT(command.argv, ElementsAre("/bin/sh", "-c", "CUDA_VISIBLE_DEVICES=6,7 x --gpu 0,1"));
  auto by_env = gpu_order("x --gpu %(GPU)s");
  by_env.env = {{"CUDA_VISIBLE_DEVICES", "%(GPU)s"}};
  EXPECT_EQ(variables(prepared(by_env))["CUDA_VISIBLE_DEVICES"], "6,7");
  EXPECT_THAT(prepared(by_env).argv, ElementsAre("x", "--gpu", "0", "1"));
}

TEST(Prepare, gives_tokens_to_a_visible_devices_variable_whichever_gpu_mark_names_them) {
  for (const std::string mark : {"%(GPU)s", "%(GPU_COMMA)s", "%(GPU_ENV)s"}) {
    const auto command = prepared(gpu_order("CUDA_VISIBLE_DEVICES=" + mark + " x --gpu %(GPU_COLON)s"));
    EXPECT_EQ(command.argv.back(), "CUDA_VISIBLE_DEVICES=6,7 x --gpu 0:1") << mark;
    auto order = gpu_order("x --gpu %(GPU_COLON)s");
    order.env = {{"CUDA_VISIBLE_DEVICES", mark}};
    EXPECT_THAT(prepared(order).argv, ElementsAre("x", "--gpu", "0:1")) << mark;
    EXPECT_EQ(variables(prepared(order)).at("CUDA_VISIBLE_DEVICES"), "6,7") << mark;
  }
}

TEST(Prepare, masks_when_told_and_when_nothing_else_tells_the_step) {
  auto masked = settings();
  masked.gpu_mask = true;
  EXPECT_EQ(variables(prepared(gpu_order("x %(GPU)s"), masked))["CUDA_VISIBLE_DEVICES"], "6,7");
  EXPECT_THAT(prepared(gpu_order("x %(GPU)s"), masked).argv, ElementsAre("x", "0", "1"));
  auto without_mark = gpu_order("x");
  without_mark.mask_gpus = true;
  EXPECT_EQ(variables(prepared(without_mark))["CUDA_VISIBLE_DEVICES"], "6,7");
  EXPECT_FALSE(variables(prepared(gpu_order("x %(GPU)s"))).contains("CUDA_VISIBLE_DEVICES"));
  EXPECT_FALSE(variables(prepared(cpu_order("x"), masked)).contains("CUDA_VISIBLE_DEVICES"));
}

TEST(Prepare, masks_by_the_variable_of_the_vendor_alone) {
  auto rank = a_rank();
  rank.gpu_vendor = GpuVendor::amd_rocr;
  auto order = gpu_order("x");
  order.mask_gpus = true;
  const auto all = variables(prepare(order, rank, settings(), nothing_inherited));
  EXPECT_EQ(all.at("ROCR_VISIBLE_DEVICES"), "6,7");
  EXPECT_FALSE(all.contains("CUDA_VISIBLE_DEVICES"));
}

TEST(Prepare, hides_gpus_from_steps_without_only_when_told) {
  auto hide = settings();
  hide.hide_gpus = true;
  EXPECT_EQ(variables(prepared(cpu_order("x"), hide)).at("CUDA_VISIBLE_DEVICES"), "");
  EXPECT_FALSE(variables(prepared(gpu_order("x %(GPU)s"), hide)).contains("CUDA_VISIBLE_DEVICES"));
}

TEST(Prepare, tells_a_step_its_own_place_and_gpus) {
  const auto with = variables(prepared(gpu_order("x")));
  EXPECT_EQ(with.at("GRADUS_STEP"), "17");
  EXPECT_EQ(with.at("GRADUS_STEP_ID"), "align");
  EXPECT_EQ(with.at("GRADUS_GPU_LIST"), "2,3");
  EXPECT_EQ(with.at("GRADUS_USE_GPU"), "yes");
  EXPECT_EQ(with.at("GRADUS_GPU_ENV"), "6,7");
  EXPECT_EQ(with.at("OMP_NUM_THREADS"), "2");
  EXPECT_EQ(with.at("CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
  const auto without = variables(prepared(cpu_order("x")));
  EXPECT_EQ(without.at("GRADUS_GPU_LIST"), "none");
  EXPECT_EQ(without.at("GRADUS_USE_GPU"), "no");
  EXPECT_EQ(without.at("OMP_NUM_THREADS"), "1");
}

TEST(Prepare, keeps_an_mpirun_of_a_step_from_slurm_inside_a_slurm_job_unless_the_user_has_set_otherwise) {
  const auto with = [](bool (*inherited)(std::string_view)) {
    return variables(prepare(cpu_order("mpirun x"), a_rank(), settings(), inherited));
  };
  const auto inside = with([](std::string_view name) { return name == "SLURM_JOB_ID"; });
  EXPECT_EQ(inside.at("OMPI_MCA_plm"), "isolated");
  EXPECT_EQ(inside.at("OMPI_MCA_ras"), "^slurm");
  EXPECT_EQ(inside.at("OMPI_MCA_ess"), "^slurm");
  const auto set = with([](std::string_view name) { return name == "SLURM_JOB_ID" || name == "OMPI_MCA_plm"; });
  EXPECT_FALSE(set.contains("OMPI_MCA_plm"));
  EXPECT_TRUE(set.contains("OMPI_MCA_ras"));
  EXPECT_FALSE(with(nothing_inherited).contains("OMPI_MCA_plm"));
}

TEST(Prepare, lets_an_mpirun_of_a_step_over_nodes_leave_its_node) {
  auto order = cpu_order("mpirun --hostfile %(HOSTFILE)s x %(NODES)s");
  order.hosts = {{"n1", 2}, {"n2", 2}};
  const auto in_slurm = [](std::string_view name) { return name == "SLURM_JOB_ID"; };
  const auto step = prepare(order, a_rank(), settings(), in_slurm);
  EXPECT_THAT(step.argv, ElementsAre("mpirun", "--hostfile", "/runs/a.run/logs/17.2.hosts", "x", "2"));
  const auto all = variables(step);
  EXPECT_FALSE(all.contains("OMPI_MCA_plm"));
  EXPECT_EQ(all.at("SLURM_OVERLAP"), "1");
  EXPECT_EQ(all.at("GRADUS_NODES"), "2");
  EXPECT_EQ(all.at("GRADUS_HOSTFILE"), "/runs/a.run/logs/17.2.hosts");
}

TEST(Prepare, respects_what_the_user_has_set_unless_the_step_asks_for_cores) {
  const auto inherited = variables(prepared(cpu_order("x"), settings(), true));
  EXPECT_FALSE(inherited.contains("OMP_NUM_THREADS"));
  EXPECT_FALSE(inherited.contains("CUDA_DEVICE_ORDER"));
  auto asks = cpu_order("x %(CPUS)s");
  asks.cpus = 7;
  EXPECT_EQ(variables(prepared(asks, settings(), true)).at("OMP_NUM_THREADS"), "7");
  EXPECT_THAT(prepared(asks).argv, ElementsAre("x", "7"));
}

TEST(Prepare, lets_the_steps_own_environment_win_and_expands_marks_in_it) {
  auto order = gpu_order("x");
  order.env = {{"OMP_NUM_THREADS", "1"}, {"WHERE", "%(HOST)s:%(SLOT)s"}};
  order.cwd = "work.%(STEP)s";
  const auto command = prepared(order);
  EXPECT_EQ(variables(command)["OMP_NUM_THREADS"], "1");
  EXPECT_EQ(variables(command)["WHERE"], "n1:4");
  EXPECT_EQ(command.cwd, "work.17");
}

TEST(Prepare, keeps_the_words_of_an_argv_apart) {
  auto order = gpu_order(std::string("prog\0a b; $x\0%(GPU)s\0\0", 22));
  order.is_argv = true;
  const auto command = prepared(order);
  EXPECT_THAT(command.argv, ElementsAre("prog", "a b; $x", "2 3", ""));
  EXPECT_FALSE(command.by_shell);
}

TEST(Prepare, refuses_a_value_that_a_shell_would_read_something_into) {
  auto rank = a_rank();
  rank.host = "n1;rm -rf";
  const auto bad = prepare(gpu_order("echo %(HOST)s | cat"), rank, settings(), nothing_inherited);
  EXPECT_THAT(bad.mistake, HasSubstr("$GRADUS_HOST"));
  auto argv = gpu_order(std::string("echo\0%(HOST)s\0", 14));
  argv.is_argv = true;
  EXPECT_EQ(prepare(argv, rank, settings(), nothing_inherited).mistake, "");
}

TEST(Prepare, puts_the_prolog_before_the_command) {
  auto with = settings();
  with.prolog = "module load cuda";
  with.shell = "/bin/bash";
  EXPECT_THAT(prepared(gpu_order("x"), with).argv, ElementsAre("/bin/bash", "-c", "module load cuda\nx"));
}

TEST(Prepare, puts_the_prolog_before_an_argv_whose_words_no_shell_reads) {
  auto order = gpu_order(std::string("x\0a b\0$HOME;%(STEP)s\0", 21));
  order.is_argv = true;
  auto with = settings();
  with.prolog = "module load cuda";
  const auto command = prepared(order, with);
  EXPECT_TRUE(command.by_shell);
  EXPECT_THAT(command.argv,
              ElementsAre("/bin/sh", "-c", "module load cuda\nexec \"$@\"", "/bin/sh", "x", "a b", "$HOME;17"));
}

TEST(RunsWithoutShell, is_true_for_plain_words_only) {
  EXPECT_TRUE(runs_without_shell("MotionCor2 -InMrc a.mrc -Gpu 0 1 --x:y,z @ % ^ +"));
  for (const char c : std::string("|&;<>()$`\\\"'*?[]#~={}!\n")) {
    EXPECT_FALSE(runs_without_shell(std::string("x a") + c + "b")) << c;
  }
}

TEST(RunsWithoutShell, is_false_for_builtins_but_for_those_that_are_programs_too) {
  for (const char* line :
       {"cd work", ". env.sh", "exit 1", "if x", "export A", ": x", "wait", "ulimit -n 5", "!", "false"}) {
    EXPECT_FALSE(runs_without_shell(line)) << line;
  }
  for (const char* line : {"true", "test -e x", "echo x", "printf x", "iffy", "cdx"})
    EXPECT_TRUE(runs_without_shell(line)) << line;
}

TEST(LauncherVariables, are_what_mpirun_puts_in_and_nothing_of_the_users) {
  for (const char* name :
       {"PMIX_RANK", "PMI_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_MCA_ess_base_jobid", "OMPI_MCA_ess", "OMPI_MCA_pmix",
        "OMPI_MCA_orte_ess_node_rank", "OMPI_UNIVERSE_SIZE", "OMPI_APP_CTX_NUM_PROCS", "OMPI_MCA_initial_wdir",
        "HYDI_CONTROL_FD", "MPI_LOCALRANKID", "GRADUS_STATUS_FILE"}) {
    EXPECT_TRUE(is_launcher_variable(name)) << name;
  }
  for (const char* name :
       {"OMPI_MCA_btl", "OMPI_MCA_pml", "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_rmaps_base_oversubscribe", "PATH", "PMIXER",
        "SLURM_JOB_ID", "OMPI_MCA_essential"}) {
    EXPECT_FALSE(is_launcher_variable(name)) << name;
  }
}

}  // namespace
}  // namespace gradus
