#include "report/gpu_figures.h"

#include <gtest/gtest.h>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using support::TestJournal;

TEST(GpuFigures, are_means_over_time_whatever_number_of_looks_that_took_and_lead_to_advice) {
  TestJournal journal(support::graph("a gpu; b gpu"));
  journal.life(0).worker(0, "h1", "GPU-a GPU-b");
  journal.launch(1, 0, 0, {0}).launch(2, 0, 0, {1});
  journal.end(1, 0, 100, "succeeded", false, R"(,"gpu_busy":0.20,"gpu_samples":30,"gpu_mem":1000,"gpu_total":80000)");
  journal.end(2, 0, 50, "succeeded", false, R"(,"gpu_busy":0.50,"gpu_samples":60,"gpu_mem":3000,"gpu_total":80000)");
  journal.over(100);
  const auto figures = gpu_figures_of(RunStory(journal.chronicle(), journal.graph()));
  ASSERT_TRUE(figures.is_known);
  EXPECT_NEAR(figures.busy, 0.3, 1e-3);
  ASSERT_EQ(figures.by_shape.size(), 1U);
  EXPECT_EQ(figures.by_shape[0].memory_mib, 3000U);
  EXPECT_EQ(figures.by_shape[0].samples, 90U);
  EXPECT_EQ(figures.advice, "two per GPU may pay (--threads 5)");
}

TEST(GpuFigures, are_not_known_when_nothing_was_sampled) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "0").ran(1, 0, 0, 1).over(1);
  EXPECT_FALSE(gpu_figures_of(RunStory(journal.chronicle(), nullptr)).is_known);
}

}  // namespace
}  // namespace gradus
