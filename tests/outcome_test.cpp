#include "gradus/outcome.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

namespace gradus {
namespace {

constexpr OutcomeKind all_kinds[] = {
    OutcomeKind::succeeded,       OutcomeKind::exit_code,      OutcomeKind::signal,           OutcomeKind::timed_out,
    OutcomeKind::could_not_start, OutcomeKind::output_missing, OutcomeKind::lost_with_worker, OutcomeKind::cancelled};

TEST(Outcomes, have_words_that_can_be_read_back) {
  for (const auto kind : all_kinds) {
    auto read = kind == OutcomeKind::cancelled ? OutcomeKind::succeeded : OutcomeKind::cancelled;
    EXPECT_TRUE(parse_word(word(kind), read));
    EXPECT_EQ(read, kind) << word(kind);
  }
}

TEST(Outcomes, have_the_words_that_stand_in_journals_already) {
  EXPECT_STREQ(word(OutcomeKind::exit_code), "exit_code");
  EXPECT_STREQ(word(OutcomeKind::could_not_start), "could_not_start");
  EXPECT_STREQ(word(OutcomeKind::output_missing), "output_missing");
  EXPECT_STREQ(word(OutcomeKind::lost_with_worker), "lost_with_worker");
}

TEST(Outcomes, leave_the_kind_alone_when_the_word_is_nonsense) {
  for (const char* nonsense : {"", "Succeeded", "exit code", "succeeded "}) {
    auto kind = OutcomeKind::timed_out;
    EXPECT_FALSE(parse_word(nonsense, kind)) << nonsense;
    EXPECT_EQ(kind, OutcomeKind::timed_out);
  }
}

TEST(Outcomes, are_said_with_their_exit_code_or_the_name_of_their_signal) {
  EXPECT_EQ(describe({}), "succeeded");
  EXPECT_EQ(describe({OutcomeKind::exit_code, 3, ""}), "exit code 3");
  EXPECT_EQ(describe({OutcomeKind::signal, SIGSEGV, ""}), "killed by SIGSEGV");
  EXPECT_EQ(describe({OutcomeKind::signal, SIGKILL, "out of memory"}), "killed by SIGKILL: out of memory");
  EXPECT_EQ(describe({OutcomeKind::signal, 99, ""}), "killed by signal 99");
}

TEST(Outcomes, say_why_a_step_could_not_start_in_the_details_words_or_those_of_the_errno) {
  EXPECT_EQ(describe({OutcomeKind::could_not_start, ENOENT, "chdir /w: gone"}), "could not start: chdir /w: gone");
  EXPECT_EQ(describe({OutcomeKind::could_not_start, ENOENT, ""}), "could not start: No such file or directory");
  EXPECT_EQ(describe({OutcomeKind::could_not_start, 0, ""}), "could not start");
}

TEST(Outcomes, name_the_output_that_is_missing) {
  EXPECT_EQ(describe({OutcomeKind::output_missing, 0, "a.mrc"}),
            "exit code 0, but a declared output is missing: a.mrc");
}

TEST(Outcomes, blame_the_step_for_all_but_success_loss_and_cancel) {
  for (const auto kind : all_kinds) {
    const bool blameless =
        kind == OutcomeKind::succeeded || kind == OutcomeKind::lost_with_worker || kind == OutcomeKind::cancelled;
    EXPECT_EQ((Outcome{kind, 1, ""}).is_steps_own_failure(), !blameless) << word(kind);
    EXPECT_EQ((Outcome{kind, 1, ""}).succeeded(), kind == OutcomeKind::succeeded) << word(kind);
  }
}

}  // namespace
}  // namespace gradus
