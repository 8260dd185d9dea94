#include "report/trace.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "support/builders.h"
#include "support/test_journal.h"

namespace gradus {
namespace {

using nlohmann::json;
using support::TestJournal;

std::vector<json> trace(const TestJournal& journal) {
  std::string text;
  write_trace(RunStory(journal.chronicle(), journal.graph()), [&](std::string_view part) { text += part; });
  return json::parse(text)["traceEvents"].get<std::vector<json>>();
}

std::vector<json> of_phase(const std::vector<json>& events, const std::string& phase) {
  std::vector<json> some;
  for (const auto& event : events) {
    if (event["ph"] == phase) some.push_back(event);
  }
  return some;
}

bool lies_in(const json& end, const json& slice) {
  return end["pid"] == slice["pid"] && end["tid"] == slice["tid"] && end["ts"] >= slice["ts"] &&
         end["ts"].get<long>() < slice["ts"].get<long>() + slice["dur"].get<long>();
}

/// The slice that an arrow's end is bound to.
std::string slice_at(const std::vector<json>& events, const json& end) {
  for (const auto& slice : of_phase(events, "X")) {
    if (lies_in(end, slice)) return slice["name"];
  }
  return "none";
}

TEST(Trace, has_nodes_as_processes_slots_as_threads_and_attempts_as_slices) {
  TestJournal journal(support::graph("a; b"));
  journal.life(0).worker(0, "h1", "GPU-a -").worker(1, "h2", "GPU-b").ran(1, 0, 1, 3);
  journal.launch(2, 2, 1, {0}).end(2, 2, 4, "exit_code").over(5);
  const auto events = trace(journal);
  std::map<std::string, json> named;
  for (const auto& event : of_phase(events, "M")) {
    if (event["args"].contains("name")) named[event["args"]["name"]] = event;
  }
  EXPECT_EQ(named.at("h2")["name"], "process_name");
  const auto slices = of_phase(events, "X");
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0]["ts"], 1000000);
  EXPECT_EQ(slices[0]["dur"], 2000000);
  EXPECT_EQ(slices[0]["tid"], named.at("slot 0 GPU GPU-a")["tid"]);
  EXPECT_EQ(slices[1]["pid"], named.at("h2")["pid"]);
  EXPECT_EQ(slices[1]["args"]["what"], "exit code 3");
  EXPECT_EQ(slices[1]["args"]["user_s"], 0.5);
}

TEST(Trace, has_arrows_that_are_bound_to_the_slices_of_both_steps) {
  TestJournal journal(support::graph("a; b; barrier; c retries=1; d after c"));
  journal.life(0).worker(0, "h1", "- -").launch(1, 0, 0, {0}).launch(2, 0, 0, {1}).end(1, 0, 1).end(2, 0, 3);
  // c begins at the very moment at which b ends, and takes no time at all.
  journal.launch(3, 3, 0, {1}).end(3, 3, 3, "exit_code", true).launch(3, 4, 0, {0}, 2).end(3, 4, 6).ran(4, 0, 6, 7);
  journal.over(8);
  const auto events = trace(journal);
  const auto from = of_phase(events, "s"), to = of_phase(events, "f");
  ASSERT_EQ(from.size(), to.size());
  std::vector<std::string> arrows;
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i]["id"], to[i]["id"]);
    EXPECT_LE(from[i]["ts"], to[i]["ts"].get<long>());
    arrows.push_back(slice_at(events, from[i]) + ">" + slice_at(events, to[i]));
  }
  EXPECT_THAT(arrows, testing::UnorderedElementsAre("b>c", "b>d", "c>d"));
}

TEST(Trace, has_no_slices_that_overlap_and_none_of_what_never_began) {
  TestJournal journal;
  journal.life(0, 4).worker(0, "h1", "-").ran(1, 0, 1, 1).ran(2, 0, 1, 1).launch(3, 1, 0, {0});
  journal.launch(4, 1, 0, {0}, 1, R"(,"waits":true)").end(4, 1.5, 1.5, "cancelled", true).end(3, 1, 3);
  journal.launch(4, 3, 0, {0}, 2).end(4, 3, 4).over(5);
  const auto slices = of_phase(trace(journal), "X");
  ASSERT_EQ(slices.size(), 4U);
  for (std::size_t i = 1; i < slices.size(); ++i) {
    EXPECT_GE(slices[i]["ts"].get<long>(), slices[i - 1]["ts"].get<long>() + slices[i - 1]["dur"].get<long>());
  }
}

TEST(Trace, has_instants_for_quarantine_losses_stops_and_lives) {
  TestJournal journal;
  journal.life(0, 1).worker(0, "h1", "0").worker(1, "h2", "0").quarantined(0, 0, 2, 3).gone(1, 3, "silence");
  journal.stop("drain", 4, "signal USR1").over(5, 75, 1).life(100, 1).worker(0, "h1", "0").over(101);
  std::vector<std::string> kinds;
  for (const auto& event : of_phase(trace(journal), "i")) kinds.push_back(event["cat"]);
  EXPECT_THAT(kinds, testing::UnorderedElementsAre("quarantine", "lost", "stop", "life", "life"));
}

TEST(Trace, escapes_whatever_ids_and_reasons_hold) {
  TestJournal odd(support::graph("say\"\\</script>\xff"));
  odd.life(0).worker(0, "h1", "-").ran(1, 0, 0, 1).gone(0, 1, "a \"quote\"\n").over(2);
  const auto events = trace(odd);
  EXPECT_EQ(of_phase(events, "X")[0]["name"], "say\"\\</script>\xef\xbf\xbd");
}

TEST(Trace, comes_in_pieces_of_bounded_size) {
  TestJournal journal;
  journal.life(0, 5000).worker(0, "h1", "-");
  for (std::uint32_t step = 1; step <= 5000; ++step) journal.ran(step, 0, step * 0.1, step * 0.1 + 0.1);
  journal.over(600);
  std::size_t pieces = 0, largest = 0;
  write_trace(RunStory(journal.chronicle(), nullptr), [&](std::string_view part) {
    ++pieces;
    largest = std::max(largest, part.size());
  });
  EXPECT_GT(pieces, 5U);
  EXPECT_LT(largest, 70000U);
}

}  // namespace
}  // namespace gradus
