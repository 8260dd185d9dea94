#include <fmt/format.h>

#include "cli/commands.h"
#include "core/gpu_report.h"
#include "node/gpu_discovery.h"

namespace gradus::cli {

int gpus_command(const Words& words) {
  bool json = false;
  for (const auto& word : words) {
    if (word == "--json") {
      json = true;
    } else if (word == "--help" || word == "-h") {
      fmt::print(
          "Usage: gradus gpus [--json]\n\nPrints the GPUs that this process can see and how that was learnt.\n\n"
          "  --json  for programs\n");
      return 0;
    } else {
      fmt::print(stderr, "gradus: gradus gpus does not know '{}': only --json and --help\n", word);
      return 2;
    }
  }
  const auto found = discover_gpus({"/proc/self/exe", "__probe-gpus"});
  fmt::print("{}", json ? gpus_json(found) : describe_gpus(found));
  return 0;
}

}  // namespace gradus::cli
