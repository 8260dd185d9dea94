// How a slot's place is written for people.
//
// Knows: the two forms, and when GPUs need the word GPU before them. Unaware of: plans, journals, what runs there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Where something is: `h1 slot 0`, `h1 slot 0 GPU 0, 1`, `h1 slot 0 GPU-5c1…` (a UUID says by itself what it is).
/// `gpus`: their identities, as in PlannedGpu::identity. Nothing is escaped.
std::string slot_place(std::string_view host, std::uint32_t slot, const std::vector<std::string>& gpus);
/// In a sentence about the slot: `slot 0 on h1 with GPU 0, 1`.
std::string slot_in_words(std::string_view host, std::uint32_t slot, const std::vector<std::string>& gpus);

}  // namespace gradus
