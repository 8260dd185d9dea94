// Asks the CUDA driver which devices this process sees. Runs in a short-lived child of gradus.
//
// Knows: the driver's library, found at run time, and the types of cuda.h.
// Unaware of: who asks, the visible-devices variables (the driver reads them itself), time limits.
//
// A child, because cuInit reads the environment once per process, can hang on a sick GPU, can crash in
// a broken installation, and leaves threads and open device files behind in whoever called it.
#pragma once

namespace gradus {

/// Writes the lines of core/driver_answer.h to standard output and returns the exit code.
/// The hidden subcommand `gradus __probe-gpus` calls it before anything else is set up.
int gpu_probe_main();

}  // namespace gradus
