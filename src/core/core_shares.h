// How cores are divided over slots.
//
// Knows: the rule that also deals out GPUs, and that a slot would rather have cores near its GPUs.
// Unaware of: where the numbers come from, ranks, hosts.
#pragma once

#include <cstdint>
#include <vector>

namespace gradus {

/// One part for each entry of `near` (the cores near a slot's GPUs; empty: it does not mind). Each slot gets as many as
/// by the rule for GPUs, a core at most once; slots that want the same cores share them out fairly, and what is
/// missing comes from those that are left. With fewer cores than slots, cores are shared as GPUs are.
std::vector<std::vector<std::uint32_t>> share_out_cores(const std::vector<std::uint32_t>& cores,
                                                        const std::vector<std::vector<std::uint32_t>>& near);

/// `0-3,8` as Linux writes it; what cannot be read is left out.
std::vector<std::uint32_t> read_cpu_list(const char* text);

}  // namespace gradus
