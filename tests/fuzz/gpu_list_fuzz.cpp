// GPU lists.
#include "fuzz.h"
#include "gradus/gpu_list.h"

using namespace gradus;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Diagnostics mistakes;
  const auto list = parse_gpu_list(fuzz::text(bytes, size), "--gpus", 1, mistakes);
  for (const auto& mistake : mistakes) promise(!mistake.message.empty(), "a mistake is said in words");
  if (!mistakes.empty()) return 0;
  const auto check = [](const HostGpuList& one) {
    const auto sound = [](const GpuId& id) { return id.uuid.empty() == (id.position >= 0); };
    for (const auto& id : one.ids) promise(sound(id), "a position or a UUID");
    for (const auto& group : one.groups) {
      for (const auto& id : group) promise(sound(id), "a position or a UUID");
    }
    promise(one.kind != HostGpuList::Kind::ids || !one.ids.empty(), "ids that are some");
  };
  check(list.others);
  for (const auto& host : list.hosts) {
    promise(!host.host.empty(), "a host has a name");
    promise(list.for_host(host.host) != nullptr, "a host that is named has a list");
    check(host.list);
  }
  return 0;
}
