// The job templates of slurm/, inside the program: the build makes templates.cpp from the files.
//
// Knows: nothing but their texts. Unaware of: what is done with them.
#pragma once

#include <string_view>

namespace gradus::cli {

/// The text of slurm/NAME. Throws std::out_of_range for a name that is none.
std::string_view job_template(std::string_view name);

}  // namespace gradus::cli
