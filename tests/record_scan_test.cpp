#include "run/record_scan.h"

#include <gtest/gtest.h>

#include "run/seal.h"

namespace gradus {
namespace {

std::string sealed(std::string record) {
  seal_record(record, 0);
  record.pop_back();
  return record;
}

/// What a JSON parser makes of it: the same record with its keys in another order, which no scan takes.
struct Collected : RecordSink {
  using RecordSink::on;
  void on(const LaunchRecord& record) override {
    launch = record;
    id = record.id;
  }
  void on(const EndRecord& record) override {
    end = record;
    detail = record.detail;
  }
  LaunchRecord launch;
  EndRecord end;
  std::string id, detail;
};

Collected parsed(const std::string& record) {
  Collected sink;
  JournalRecords records("j", sink);
  std::string text =
      sealed(R"({"life":2,"t":1,"count":100,"host":"h","pid":1,"argv":[]})") + "\n" + sealed(record) + "\n";
  const auto size = text.size();
  text.reserve(size + 128);
  EXPECT_EQ(records.read(text.data(), size, text.capacity()), size) << records.damage_in_words();
  return sink;
}

TEST(RecordScan, reads_a_launch_as_a_json_parser_does) {
  const std::string tail = R"("worker":2,"slots":[3,4],"gpus":["0","1"],"waits":true,"with":[5],)"
                           R"("key":"00000000000000ff","digest":"0123456789abcdef","id":"a b"})";
  LaunchRecord scanned;
  const auto line = sealed(R"({"launch":17,"t":1764257000.125,"a":1,)" + tail);
  ASSERT_TRUE(scan_launch(line, scanned));
  // A key that no journal writes sends it to the parser.
  const auto other = parsed(R"({"launch":17,"t":1764257000.125,"new":0,"a":1,)" + tail);
  EXPECT_EQ(scanned.ordinal, other.launch.ordinal);
  EXPECT_EQ(scanned.t, other.launch.t);
  EXPECT_EQ(scanned.attempt, other.launch.attempt);
  EXPECT_EQ(scanned.worker, 2U);
  EXPECT_EQ(scanned.slots, other.launch.slots);
  EXPECT_EQ(scanned.with, other.launch.with);
  EXPECT_TRUE(scanned.waits && other.launch.waits);
  EXPECT_EQ(scanned.key, other.launch.key);
  EXPECT_EQ(scanned.digest, other.launch.digest);
  EXPECT_EQ(scanned.id, "a b");
  EXPECT_EQ(other.id, "a b");
}

TEST(RecordScan, reads_an_end_as_a_json_parser_does) {
  const std::string tail =
      R"("worker":2,"outcome":"signal","code":11,"detail":"core","start":1764257000.1,)"
      R"("stop":1764257003.5,"user":1.25,"sys":0.5,"rss":4096,"in":512,"out":1024,"gpu_busy":0.34,"gpu_samples":7,)"
      R"("gpu_mem":1234,"gpu_total":81559,"final":"failed"})";
  EndRecord scanned;
  const auto line = sealed(R"({"end":17,"t":1764257004,"a":3,)" + tail);
  ASSERT_TRUE(scan_end(line, scanned));
  const auto other = parsed(R"({"end":17,"t":1764257004,"new":0,"a":3,)" + tail);
  EXPECT_EQ(scanned.ordinal, other.end.ordinal);
  EXPECT_EQ(scanned.t, other.end.t);
  EXPECT_EQ(scanned.attempt, other.end.attempt);
  EXPECT_EQ(scanned.outcome, other.end.outcome);
  EXPECT_EQ(scanned.code, other.end.code);
  EXPECT_EQ(scanned.detail, "core");
  EXPECT_EQ(other.detail, "core");
  EXPECT_EQ(scanned.start, other.end.start);
  EXPECT_EQ(scanned.stop, other.end.stop);
  EXPECT_EQ(scanned.usage, other.end.usage);
  EXPECT_EQ(scanned.usage.gpu, (GpuUse{7, 0.34F, 1234, 81559}));
  EXPECT_TRUE(scanned.is_final && other.end.is_final);
  EXPECT_EQ(scanned.final_state, StepState::failed);
  EXPECT_EQ(other.end.final_state, StepState::failed);
}

TEST(RecordScan, leaves_to_the_parser_what_is_not_in_its_form) {
  LaunchRecord launch;
  EndRecord end;
  const std::string good = R"({"launch":1,"t":1,"a":1,"worker":0,"slots":[0],"key":"01","digest":"02")";
  EXPECT_TRUE(scan_launch(sealed(good + "}"), launch));
  EXPECT_FALSE(scan_launch(sealed(good + R"(,"id":"a\"b"})"), launch));  // an escape
  EXPECT_FALSE(scan_launch(sealed(good + R"(,"new":1})"), launch));
  EXPECT_FALSE(scan_launch(sealed(R"({"launch":1})"), launch));
  EXPECT_FALSE(scan_launch(sealed(R"({"launch":-1,"t":1})"), launch));
  EXPECT_FALSE(scan_launch("", launch));
  EXPECT_FALSE(scan_end(sealed(R"({"end":1,"t":1,"a":1,"worker":0,"outcome":"unheard"})"), end));
  EXPECT_FALSE(scan_end(sealed(good + "}"), end));
}

TEST(RecordScan, a_step_that_this_life_has_not_is_damage_all_the_same) {
  Collected sink;
  JournalRecords records("j", sink);
  std::string text = sealed(R"({"life":2,"count":1})") + "\n" +
                     sealed(R"({"launch":2,"t":1,"a":1,"worker":0,"slots":[0],"key":"01","digest":"02"})") + "\n";
  const auto size = text.size();
  text.reserve(size + 128);
  EXPECT_LT(records.read(text.data(), size, text.capacity()), size);
  EXPECT_NE(records.damage_in_words(), "");
}

}  // namespace
}  // namespace gradus
