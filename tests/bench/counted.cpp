// One fixed piece of work, for counting its instructions (tests/bench/instructions).
//
//   gradus_counted scheduler|text|json|wire
//
// Knows: the pieces of work; that only what happens in gradus_counted_part() is counted.
// Unaware of: valgrind, and how many instructions it should take.
#include <cstdio>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "core/wire.h"
#include "inputs.h"

using namespace gradus;

/// A name that valgrind's --toggle-collect finds: preparing the input is not counted.
extern "C" [[gnu::noinline]] void gradus_counted_part(const std::function<void()>& work) { work(); }

namespace {

void count_scheduler() {
  const auto graph = bench::parse(bench::json_steps(100000), StepsFormat::json_lines);
  gradus_counted_part([&] { bench::simulate(graph, 8, 8); });
}

void count_parser(std::string text, StepsFormat format) {
  gradus_counted_part([&] { bench::parse(std::move(text), format); });
}

void count_wire() {
  const auto sent = bench::messages(10000);
  std::vector<Message> received;
  gradus_counted_part([&] {
    std::string bytes;
    for (const auto& message : sent) append_message(message, bytes);
    if (!read_messages(bytes, received)) throw std::logic_error("our own messages cannot be read");
  });
  if (received != sent) throw std::logic_error("messages came back as others");
}

const std::map<std::string, void (*)()>& pieces() {
  static const std::map<std::string, void (*)()> all = {
      {"scheduler", count_scheduler},
      {"text", [] { count_parser(bench::text_steps(50000), StepsFormat::text); }},
      {"json", [] { count_parser(bench::json_steps(50000), StepsFormat::json_lines); }},
      {"wire", count_wire}};
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const auto piece = argc == 2 ? pieces().find(argv[1]) : pieces().end();
  if (piece == pieces().end()) {
    std::fprintf(stderr, "usage: %s scheduler|text|json|wire\n", argv[0]);
    return 2;
  }
  piece->second();
  return 0;
}
