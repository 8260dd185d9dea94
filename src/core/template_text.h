// Filling in a job template.
//
// Knows: which lines of a template are to be filled in (`# <--`), and what may stand in a batch script.
// Unaware of: which templates there are, where values come from, files.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// What is filled in; what is not given is left for a person, with its arrow.
struct TemplateValues {
  std::map<std::string, std::string> sbatch;  ///< `nodes`: `4` for `#SBATCH --nodes=4`; an empty value drops the line
  std::vector<std::string> more_sbatch;       ///< `--partition=gpu`: lines after the job's name
  std::vector<std::string> modules;           ///< `module load NAME` each
  std::map<std::string, std::string> variables;  ///< `steps`: quoted for the shell
  std::vector<std::string> options;              ///< of `gradus run`
};

/// The template with these values; lines that were filled in have lost their arrow.
std::string fill_template(std::string_view text, const TemplateValues& values);

/// `text` as one word of a POSIX shell.
std::string shell_word(std::string_view text);

// Each returns what is wrong with the value, or nothing.

/// A time as sbatch takes it: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S.
std::string check_sbatch_time(std::string_view value);
std::string check_count(std::string_view value);
/// A name of a partition, account, module…: one word that neither a shell nor SLURM reads anything into.
std::string check_name(std::string_view value);
/// One option of sbatch, as `--mem=0` or `--constraint=a100`.
std::string check_sbatch_option(std::string_view value);
/// Anything on one line.
std::string check_line(std::string_view value);

}  // namespace gradus
