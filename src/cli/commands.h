// The subcommands. Each returns the exit code of the program.
//
// Knows: their names. Unaware of: how the process was started (main gives each its World).
#pragma once

#include <string>
#include <vector>

#include "cli/world.h"

namespace gradus::cli {

using Words = std::vector<std::string>;

int run_command(const Words& words, World& world);
int plan_command(const Words& words, World& world);
int check_command(const Words& words);
int simulate_command(const Words& words);
int gpus_command(const Words& words);
int template_command(const Words& words);
int logs_command(const Words& words);
int version_command(const Words& words);
int status_command(const Words& words);
int explain_command(const Words& words);
int report_command(const Words& words);
int trace_command(const Words& words);
/// `without_pmi`: SLURM started several tasks that know nothing of each other; each examines itself.
int doctor_command(const Words& words, World& world, bool without_pmi);

}  // namespace gradus::cli
