// What a step leaves behind: processes that still run when its first one has ended.
//
// Knows: how to tell whose a process is (a variable that it inherits), that orphans come to this process, and how to
//        end them.
// Unaware of: slots, outcomes, process groups (what is left in the step's own group is ended with the group).
//
// Why beside the group: a program that makes a session of its own (setsid, a daemon, a nested launcher) leaves the
// group, and would go on using its GPU beside the next step.
#pragma once

#include <sys/types.h>

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gradus {

/// Each step inherits it: the attempts that it is part of, outermost first, with `/` between (a step may run a gradus
/// of its own).
inline constexpr const char* lineage_variable = "GRADUS_LINEAGE";

/// How attempts of one rank are called in a lineage begins with this. `life` is RunSettings::life.
std::string lineage_of_rank(const std::string& life, std::uint32_t rank);
std::string lineage_of_attempt(const std::string& rank_lineage, std::uint32_t step, std::uint32_t attempt);
/// `lineage` is the variable's value; `name` that of an attempt, or of a rank: then each of its attempts counts.
bool is_of_lineage(std::string_view lineage, std::string_view name);

/// One a process, made when all processes that it starts for itself are there. From then on the kernel gives it every
/// orphan among its descendants (PR_SET_CHILD_SUBREAPER), as children of the main thread.
class Leftovers {
 public:
  Leftovers();
  ~Leftovers();
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

  /// Ends by KILL what is left of an attempt whose first process has ended, and waits until it is gone. While
  /// `nothing_else_runs` those too that have shed the variable. It is asked after each look at what there is: an
  /// attempt that was counted as running before its first process was started has none among those looked at then.
  /// False when some did not end within `within_s` seconds (a process that waits for a broken disk). Any thread.
  bool end(const std::string& attempt, const std::function<bool()>& nothing_else_runs, double within_s);

 private:
  std::vector<pid_t> orphans() const;
  bool may_show_itself(pid_t process);

  int children_fd_ = -1;                      // /proc/self/task/PID/children
  std::vector<pid_t> known_;                  // our own: the guardian
  std::unordered_map<pid_t, double> unseen_;  // since when: processes whose environment shows nothing
  std::mutex mutex_;  // held from looking to reaping: a number must not be given away in between
};

/// Ends by KILL all processes on this machine that are of the lineage of a rank which is gone itself, and returns them:
/// they may take a while to die.
std::vector<pid_t> end_lineage(std::string_view rank_lineage);
/// `with` each process of this machine, in no order; some may come and go meanwhile.
void each_process(const std::function<void(pid_t)>& with);

}  // namespace gradus
