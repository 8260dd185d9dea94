// What ranks send each other: hostile bytes are refused, and what is taken is written back as the same bytes.
#include "core/wire.h"
#include "fuzz.h"

using namespace gradus;
using fuzz::promise;

namespace {

template <class T>
void check(std::string_view bytes, std::optional<T> (*read)(std::string_view)) {
  if (const auto value = read(bytes)) promise(to_bytes(*value) == bytes, "read, it is written as it was");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const auto rest = fuzz::text(bytes + 1, size - 1);
  switch (bytes[0] % 5) {
    case 0: {
      std::vector<Message> messages;
      if (!read_messages(rest, messages)) return 0;
      std::string again;
      for (const auto& message : messages) append_message(message, again);
      promise(again == rest, "read, they are written as they were");
      return 0;
    }
    case 1: check<RankReport>(rest, read_rank_report); return 0;
    case 2: check<StartOrder>(rest, read_start_order); return 0;
    case 3: check<Invitation>(rest, read_invitation); return 0;
    default: check<RankHealth>(rest, read_rank_health); return 0;
  }
}
