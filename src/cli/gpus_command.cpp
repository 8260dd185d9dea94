#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/look_words.h"
#include "core/gpu_report.h"
#include "node/gpu_discovery.h"

namespace gradus::cli {

namespace {

constexpr LookOption options[] = {{"json", nullptr, "for programs"}};

const LookForm form{"gpus",
                    "Usage: gradus gpus [--json]\n\n"
                    "Prints the GPUs that this process can see and how that was learnt.\n",
                    options,
                    "",
                    {}};

}  // namespace

int gpus_command(const Words& given) {
  const LookWords words(form, given);
  const auto found = discover_gpus({"/proc/self/exe", "__probe-gpus"});
  fmt::print("{}", words.has("json") ? gpus_json(found) : describe_gpus(found));
  return 0;
}

}  // namespace gradus::cli
