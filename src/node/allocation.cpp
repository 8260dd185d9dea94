#include "node/allocation.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "gradus/steps_file.h"

namespace gradus {
namespace {

double now_s() { return static_cast<double>(std::time(nullptr)); }

std::string first_line_of(const std::string& command) {
  struct Close {
    void operator()(FILE* pipe) const { pclose(pipe); }
  };
  const std::unique_ptr<FILE, Close> pipe(popen(command.c_str(), "re"));
  char line[128] = "";
  if (!pipe || std::fgets(line, sizeof line, pipe.get()) == nullptr) return "";
  std::string text(line);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

std::optional<AllocationEnd> end_of_allocation() {
  const char* job = std::getenv("SLURM_JOB_ID");
  if (job == nullptr) return std::nullopt;
  if (const char* end = std::getenv("SLURM_JOB_END_TIME"); end != nullptr && std::atof(end) > 0) {
    return AllocationEnd{std::atof(end), "SLURM_JOB_END_TIME"};
  }
  // The id goes into a shell line: digits and what arrays add.
  const std::string id(job);
  if (id.find_first_not_of("0123456789_+") != std::string::npos) return std::nullopt;
  const double left = parse_duration(first_line_of("timeout 3 squeue -h -j " + id + " -o %L 2>/dev/null"));
  if (left < 0) return std::nullopt;  // UNLIMITED, NOT_SET, or no answer
  return AllocationEnd{now_s() + left, "squeue"};
}

}  // namespace gradus
