// How fast a rank must be gone once mpirun has told it to end.
//
// Knows: mpirun's timing. Unaware of: everything else.
#pragma once

namespace gradus {

/// mpirun sends TERM and kills its ranks one second later (odls_base_sigkill_timeout at its default): steps
/// get TERM at once and KILL after this time, so that their ends can still be recorded.
inline constexpr double leave_within_s = 0.5;

}  // namespace gradus
