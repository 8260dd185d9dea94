// How fast a rank must be gone once mpirun has told it to end.
//
// Knows: mpirun's timing. Unaware of: everything else.
#pragma once

namespace gradus {

/// mpirun sends TERM and kills its ranks one second later (odls_base_sigkill_timeout at its default): steps
/// get TERM at once and KILL after this time, so that their ends can still be recorded.
inline constexpr double leave_within_s = 0.5;

/// A worker that is gone first cuts that second short for all: mpirun waits for it in sleep(3), which SIGCHLD ends
/// (orte/mca/odls/base/odls_base_default_fns.c of Open MPI 4.1). In MPI_Finalize all leave together; after a loss,
/// where there is none, workers stay so long, or until mpirun ends them, which it does when the master has gone.
inline constexpr double linger_s = 2;

}  // namespace gradus
