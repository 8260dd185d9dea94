// What ranks say to each other, as bytes.
//
// Knows: the messages and their binary form; every length is checked, nothing received is trusted.
// Unaware of: MPI, who sends and who receives, what a message leads to.
//
// Form: messages stand one after the other; each is a kind byte, a 4-byte length and its fields.
// Integers are little-endian and of fixed size; texts and lists are a 4-byte count and their elements.
// All ranks run the same program file, so there is no version inside.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/health.h"
#include "core/message_counts.h"
#include "gradus/attempt.h"
#include "gradus/scheduler.h"

namespace gradus {

/// Master to worker: end an attempt.
struct KillOrder {
  std::uint32_t step = 0;
  std::uint32_t attempt = 0;
  bool at_once = false;
  bool call_back = false;  ///< only if it has not begun
  bool operator==(const KillOrder&) const = default;
};
/// Worker to master: an attempt has ended. The sender's rank is the worker.
struct EndReport {
  std::uint32_t step = 0;
  std::uint32_t attempt = 0;
  AttemptResult result;
  bool operator==(const EndReport&) const = default;
};
/// Master to worker: nothing more will come; answer in kind and leave.
struct Farewell {
  bool finalize = true;  ///< false: a rank was lost, and MPI_Finalize would hang on it
  bool linger = false;   ///< do not leave before the master: see leaving.h
  bool operator==(const Farewell&) const = default;
};

using Message = std::variant<AttemptOrder, KillOrder, EndReport, Farewell, Beat>;

void append_message(const Message& message, std::string& bytes);
/// Appends the messages in `bytes`; false when anything does not fit (what stood before is appended).
bool read_messages(std::string_view bytes, std::vector<Message>& messages);

/// What the master tells a rank before the run: its part of the plan and the run's settings.
struct StartOrder {
  bool start = false;  ///< false: leave; rank 0 has said why
  PlannedRank rank;
  RunSettings settings;
  bool operator==(const StartOrder&) const = default;
};

/// What the master tells all ranks before they look at their machine.
struct Invitation {
  bool start = false;  ///< false: leave; rank 0 has said why
  bool look_for_gpus = false;
  bool master_works = false;
  bool examine = false;     ///< `gradus doctor`: answer with a RankHealth and leave
  std::string probe_file;   ///< … which rank 0 has made and locked
  std::string probe_token;  ///< … and what stands in it
  bool operator==(const Invitation&) const = default;
};

std::string to_bytes(const RankReport& report);
std::string to_bytes(const StartOrder& order);
std::string to_bytes(const Invitation& invitation);
std::string to_bytes(const RankHealth& health);
/// nullopt when the bytes are not exactly one such value.
std::optional<RankReport> read_rank_report(std::string_view bytes);
std::optional<StartOrder> read_start_order(std::string_view bytes);
std::optional<Invitation> read_invitation(std::string_view bytes);
std::optional<RankHealth> read_rank_health(std::string_view bytes);

}  // namespace gradus
