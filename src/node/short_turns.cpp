#include "node/short_turns.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace gradus {
namespace {

/// The kernel's struct sched_attr in its first version; C libraries before glibc 2.41 have none.
struct Attributes {
  std::uint32_t size = sizeof(Attributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
};

}  // namespace

void ShortTurns::want(bool wanted) {
  if (wanted == wanted_) return;
  wanted_ = wanted;
  Attributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  // A child would start with nice 0 instead of the less that somebody gave us.
  if (attributes.policy != SCHED_OTHER || attributes.nice < 0) return;
  constexpr std::uint64_t least_ns = 100'000, reset_on_fork = 1;
  attributes.flags |= reset_on_fork;
  attributes.runtime_ns = wanted ? least_ns : 0;  // 0: the kernel's own
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace gradus
