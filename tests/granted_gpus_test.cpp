#include "core/granted_gpus.h"

#include <gmock/gmock.h>

#include <map>

namespace gradus {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

GpuDiscovery seeing(std::size_t count) {
  GpuDiscovery found;
  for (std::size_t i = 0; i < count; ++i) found.gpus.push_back({.identity = {}, .token = {}, .name = {}, .pci = {}});
  return found;
}

std::string doubt(const GpuDiscovery& found, const Variables& variables) {
  return doubt_about_grant(found, [&](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

TEST(DoubtAboutGrant, knows_none_outside_of_slurm) {
  EXPECT_EQ(doubt(seeing(4), {}), "");
  EXPECT_EQ(doubt(seeing(0), {{"SLURM_GPUS_ON_NODE", "2"}}), "");
}

TEST(DoubtAboutGrant, believes_a_visible_devices_variable_even_an_empty_one) {
  auto found = seeing(4);
  found.inherited = "0,1,2,3";
  EXPECT_EQ(doubt(found, {{"SLURM_JOB_ID", "1"}}), "");
  found = seeing(0);
  found.inherited = "";
  EXPECT_EQ(doubt(found, {{"SLURM_JOB_ID", "1"}, {"SLURM_GPUS_ON_NODE", "2"}}), "");
}

TEST(DoubtAboutGrant, is_raised_by_more_gpus_than_granted_or_none_of_them) {
  const Variables two{{"SLURM_JOB_ID", "1"}, {"SLURM_GPUS_ON_NODE", "2"}};
  EXPECT_EQ(doubt(seeing(2), two), "");
  EXPECT_EQ(doubt(seeing(1), two), "");
  EXPECT_THAT(doubt(seeing(3), two), HasSubstr("granted 2 GPUs, 3 can be seen"));
  EXPECT_THAT(doubt(seeing(0), two), HasSubstr("granted 2 GPUs, none can be seen"));
  EXPECT_THAT(doubt(seeing(3), two), HasSubstr("--gpu-bind=none"));
}

TEST(DoubtAboutGrant, is_raised_by_gpus_that_a_job_did_not_ask_for) {
  EXPECT_EQ(doubt(seeing(0), {{"SLURM_JOB_ID", "1"}}), "");
  EXPECT_THAT(doubt(seeing(1), {{"SLURM_JOB_ID", "1"}}),
              HasSubstr("1 GPU can be seen, but SLURM granted this job none"));
}

TEST(DoubtAboutGrant, is_raised_where_the_daemon_of_mpirun_got_the_gpus_of_one_task_for_several_ranks) {
  auto found = seeing(1);
  found.inherited = "0";
  Variables variables{{"SLURM_JOB_ID", "1"},
                      {"SLURM_GPUS_ON_NODE", "1"},
                      {"SLURM_GPUS_PER_TASK", "model:1"},
                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
  EXPECT_THAT(doubt(found, variables), HasSubstr("1 GPU for 2 ranks: use --gpus-per-node"));
  variables["OMPI_COMM_WORLD_LOCAL_SIZE"] = "1";
  EXPECT_EQ(doubt(found, variables), "");
  variables["OMPI_COMM_WORLD_LOCAL_SIZE"] = "2";
  variables["SLURM_GPUS_ON_NODE"] = "2";
  EXPECT_EQ(doubt(found, variables), "");
}

}  // namespace
}  // namespace gradus
