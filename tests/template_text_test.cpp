#include "core/template_text.h"

#include <gmock/gmock.h>

namespace gradus {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto text =
    "#!/bin/bash\n"
    "#SBATCH --job-name=gradus\n"
    "#SBATCH --nodes=2          # <-- nodes\n"
    "#SBATCH --gpus-per-node=4  # <-- GPUs\n"
    "#SBATCH --exclusive\n"
    "# module load ...          # <-- modules\n"
    "steps=${steps:-steps.txt}  # <-- the steps\n"
    "options=()                 # <-- options\n"
    "run \"$steps\"\n";

TEST(TemplateText, is_left_as_it_is_without_values) { EXPECT_EQ(fill_template(text, {}), text); }

TEST(TemplateText, loses_its_arrows_where_it_was_filled_in) {
  TemplateValues values;
  values.sbatch = {{"nodes", "3"}, {"gpus-per-node", "8"}};
  values.modules = {"cuda/12", "relion"};
  values.variables = {{"steps", "my steps.txt"}};
  values.options = {"--retries=1", "--prolog=a b"};
  const auto filled = fill_template(text, values);
  EXPECT_THAT(filled, HasSubstr("#SBATCH --nodes=3\n#SBATCH --gpus-per-node=8\n#SBATCH --exclusive\n"));
  EXPECT_THAT(filled, HasSubstr("module load cuda/12\nmodule load relion\nsteps='my steps.txt'\n"));
  EXPECT_THAT(filled, HasSubstr("options=(--retries=1 '--prolog=a b')\nrun \"$steps\"\n"));
  EXPECT_THAT(filled, Not(HasSubstr("<--")));
}

TEST(TemplateText, has_more_sbatch_lines_behind_the_jobs_name_and_none_for_an_empty_value) {
  TemplateValues values;
  values.sbatch = {{"job-name", "mine"}, {"gpus-per-node", ""}};
  values.more_sbatch = {"--partition=gpu", "--mem=0"};
  const auto filled = fill_template(text, values);
  EXPECT_THAT(filled, HasSubstr("--job-name=mine\n#SBATCH --partition=gpu\n#SBATCH --mem=0\n#SBATCH --nodes=2"));
  EXPECT_THAT(filled, Not(HasSubstr("gpus-per-node")));
}

TEST(ShellWord, cannot_be_left_by_what_stands_in_it) {
  EXPECT_EQ(shell_word("/a/b-1.txt"), "/a/b-1.txt");
  EXPECT_EQ(shell_word("it's $(x)"), "'it'\\''s $(x)'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(TemplateChecks, know_what_sbatch_takes) {
  for (const auto* good : {"90", "04:00:00", "30:00", "1-12", "2-00:30:00"})
    EXPECT_EQ(check_sbatch_time(good), "") << good;
  for (const auto* bad : {"", "4h", "1:2:3:4", "4:00:00\n#SBATCH", "-5"}) EXPECT_NE(check_sbatch_time(bad), "") << bad;
  for (const auto* bad : {"0", "-1", "x", "1 2", "1234567"}) EXPECT_NE(check_count(bad), "") << bad;
  EXPECT_EQ(check_count("16"), "");
  EXPECT_EQ(check_name("cuda/12.2"), "");
  for (const auto* bad : {"", "-x", "a b", "a;b", "a\nb", "$(x)"}) EXPECT_NE(check_name(bad), "") << bad;
  for (const auto* good : {"--mem=0", "--exclusive", "--constraint=a100|h100"})
    EXPECT_EQ(check_sbatch_option(good), "");
  for (const auto* bad : {"mem=0", "--mem 0", "--x=\n", "--a=`b`"}) EXPECT_NE(check_sbatch_option(bad), "") << bad;
  EXPECT_THAT(check_line("a b"), IsEmpty());
  EXPECT_THAT(check_line("a\nb"), Not(IsEmpty()));
}

}  // namespace
}  // namespace gradus
