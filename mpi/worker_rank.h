// A worker rank: the slot pool of its node plus a message pump.
//
// Knows: how to pass orders to the pool and ends to the master.
// Unaware of: the graph, the scheduler, what other ranks do.
#pragma once

#include "core/wire.h"
#include "node/environment.h"
#include "node/guardian.h"

namespace gradus {

enum class WorkerEnd {
  in_peace,      ///< the master has said farewell, all ranks are there
  after_a_loss,  ///< the master has said farewell, but MPI_Finalize would hang
  forsaken       ///< the master was not heard of for too long; what still runs is the guardian's
};

/// Pumps until the master says farewell. Called on the thread that initialised MPI.
WorkerEnd run_worker_rank(const StartOrder& order, const StepEnvironment& environment, Guardian& guardian);

}  // namespace gradus
