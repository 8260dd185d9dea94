#include "manual/roff.h"

#include <gmock/gmock.h>

namespace gradus::manual {
namespace {

using testing::HasSubstr;
using testing::Not;

Page page() { return {"gradus-x", 1, "1.0", "2026-11-27", "do x", {"gradus(1)", "gradus-steps(5)"}}; }

TEST(Roff, shows_text_unchanged_whatever_roff_would_make_of_it) {
  EXPECT_EQ(escaped("a\\b --x 'q' `c` ~^"), "a\\eb \\-\\-x \\(aqq\\(aq \\(gac\\(ga \\(ti\\(ha");
  EXPECT_EQ(escaped("… →"), "\\[u2026] \\[u2192]");
}

TEST(Roff, a_page_of_help_has_the_sections_that_readers_look_for) {
  const auto roff = page_of_help(
      page(), read_help("Usage: gradus x FILE\n\nDoes x.\n\nOutput:\n  --json  JSON\n\n.hidden is a file.\n"));
  EXPECT_THAT(roff, HasSubstr(".TH GRADUS-X 1 2026-11-27 \"gradus 1.0\""));
  EXPECT_THAT(roff, HasSubstr(".SH NAME\ngradus\\-x \\- do x\n"));
  EXPECT_THAT(roff, HasSubstr(".SH SYNOPSIS\n\\fBgradus\\fR \\fBx\\fR \\fIFILE\\fR\n"));
  EXPECT_THAT(roff, HasSubstr(".SH DESCRIPTION\nDoes x.\n"));
  EXPECT_THAT(roff, HasSubstr(".SH OPTIONS\n.SS Output\n.TP\n\\fB\\-\\-json\\fR\nJSON\n"));
  EXPECT_THAT(roff, HasSubstr(".SH NOTES\n\\&.hidden is a file.\n")) << "no request, but text";
  EXPECT_THAT(roff, HasSubstr(".BR gradus (1) ,\n.BR gradus\\-steps (5)\n"));
}

TEST(Roff, items_that_are_no_options_get_a_section_of_their_own) {
  const auto roff = page_of_help(page(), read_help("Usage: gradus x\n\n  --a  b\n\nExit codes:\n  0  good\n"));
  EXPECT_THAT(roff, HasSubstr(".SH EXIT CODES\n.TP\n\\fB0\\fR\ngood\n"));
}

TEST(Roff, what_a_document_tells_of_a_subcommand_follows_its_help) {
  const auto roff =
      page_of_help(page(), read_help("Usage: gradus x\n\n  --a  b\n"), "# Looking: at x\n\nMore.\n\n## Why\n");
  EXPECT_THAT(roff, HasSubstr("gradus\\-x \\- do x\n")) << "its first heading names no page";
  EXPECT_THAT(roff, HasSubstr("b\n.SH IN DETAIL\nMore.\n.SH WHY\n.SH SEE ALSO\n"));
}

TEST(Roff, stars_are_emphasis_only_around_words) {
  const auto roff = page_of_markdown(page(), "# gradus-y: y\n\nA *slot* is 3 * 4 * 5, **not** 3*4.\n");
  EXPECT_THAT(roff, HasSubstr("A \\fIslot\\fR is 3 * 4 * 5, \\fBnot\\fR 3*4.\n"));
}

TEST(Roff, markdown_becomes_sections_code_lists_and_items) {
  const auto roff =
      page_of_markdown(page(),
                       "# gradus-y: what y is\n\n## Form\n\nText with `code\nof two`,\nand [a link](x.md).\n\n"
                       "```\n.x -y\n```\n\n- one\n- two\n\n| key | meaning |\n|---|---|\n"
                       "| `a \\| b` | first |\n\nAfter.\n");
  EXPECT_THAT(roff, HasSubstr(".TH GRADUS-Y"));
  EXPECT_THAT(roff, HasSubstr("gradus\\-y \\- what y is\n"));
  EXPECT_THAT(roff, HasSubstr(".SH FORM\nText with \\fBcode of two\\fR, and a link.\n"));
  EXPECT_THAT(roff, HasSubstr(".nf\n\\&.x \\-y\n.fi\n"));
  EXPECT_THAT(roff, HasSubstr(".IP \\(bu 2\none\n.IP \\(bu 2\ntwo\n"));
  EXPECT_THAT(roff, HasSubstr(".TP\n\\fBa | b\\fR\nfirst\n.PP\nAfter.\n"));
  EXPECT_THAT(roff, Not(HasSubstr("meaning"))) << "heads of tables are left out";
}

}  // namespace
}  // namespace gradus::manual
