// A worker rank: the slot pool of its node plus a message pump.
//
// Knows: how to pass orders to the pool and ends to the master.
// Unaware of: the graph, the scheduler, what other ranks do.
#pragma once

#include "core/wire.h"
#include "node/environment.h"
#include "node/guardian.h"

namespace gradus {

/// Pumps until the master says farewell. Called on the thread that initialised MPI.
void run_worker_rank(const StartOrder& order, const StepEnvironment& environment, Guardian& guardian);

}  // namespace gradus
