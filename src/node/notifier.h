// Telling somebody outside what happens in a run: the user's own command, run beside it.
//
// Knows: one command at a time, its input and output, its time limit, what to say when it fails.
// Unaware of: which moments of a run are told, and what the text tells.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/environment.h"

namespace gradus {

/// Has a thread of its own, and commands are its children: whoever tells it something never waits.
class Notifier {
 public:
  struct Settings {
    std::string command;  ///< for /bin/sh
    double limit_s = 60;  ///< for one command, and for all that is left at the end
    double grace_s = 2;   ///< from TERM to KILL
    std::vector<std::pair<std::string, std::string>> variables{};  ///< laid over the environment
    std::atomic<pid_t>* group_cell = nullptr;  ///< gets the running command's process group, else 0; may be null
  };
  /// Makes the text that the command reads; called on the notifier's thread.
  using Text = std::function<std::string()>;
  /// Gets one line about a command that failed; called on the notifier's thread.
  using Complain = std::function<void(const std::string& line)>;

  /// `environment` and the group cell must outlive this. Throws std::system_error when no thread can be made.
  Notifier(Settings settings, const StepEnvironment& environment, Complain complain);
  /// Ends at once what still runs.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// The command will be run with `event` in GRADUS_EVENT and the text on its standard input, after those before it.
  void tell(std::string event, Text text);
  /// Waits until all has been told, for the time limit and the grace at most: what is left then shares it evenly.
  /// `hurry` is asked ten times a second; once it says yes, what runs is ended and the rest is not told.
  void finish(const std::function<bool()>& hurry);

 private:
  struct Notice {
    std::string event;
    Text text;
  };
  static constexpr double never = std::numeric_limits<double>::infinity();

  void run();
  void run_one(const Notice& notice);
  pid_t start(const Notice& notice, int input, int output, std::string& why);
  int await(pid_t pid, int output, std::string& tail, bool& timed_out);
  double term_at();
  double share_of_what_is_left(double now) const;

  const Settings settings_;
  const StepEnvironment& environment_;
  const Complain complain_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Notice> queue_;
  bool busy_ = false;
  bool closing_ = false;
  double term_at_ = never;  // when the running command has had its time
  double finish_until_ = never;
  std::thread thread_;
};

}  // namespace gradus
