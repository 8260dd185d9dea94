// The steps of a run, from the copy that it keeps of its steps file, read while the caller reads its journal.
//
// Knows: where the copy lies, that it may be replaced meanwhile, of which life it is; the thread that reads it.
// Unaware of: how steps are read, what is done with them.
//
// Why a thread: either takes half a second for a million steps, and needs nothing of the other until both are there.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>

#include "gradus/graph.h"
#include "gradus/steps_file.h"
#include "run/chronicle.h"
#include "run/time_left.h"

namespace gradus {

class StepsOfRun {
 public:
  enum class Want { graph, known_steps /* the graph, and what an estimate of the time left needs */ };

  /// Of the file `path`; what cannot be read is a mistake. Called on another thread.
  using Reader = std::function<StepsFile(const std::string& path)>;

  /// Reads nothing yet. A copy of more than `most_bytes` is taken for none.
  StepsOfRun(std::string run_dir, Reader reader, Want want = Want::graph,
             std::uintmax_t most_bytes = std::numeric_limits<std::uintmax_t>::max());
  ~StepsOfRun();
  StepsOfRun(const StepsOfRun&) = delete;
  StepsOfRun& operator=(const StepsOfRun&) = delete;

  /// Once, before graph() and known(), which else read themselves when they are asked.
  void begin();

  /// The steps of a run's latest life; null when there is no copy, it cannot be read, or it is that of a life that
  /// `chronicle` has no word of (`why_not` tells). Of a copy that was replaced after begin() the new one. What went
  /// wrong in the thread is thrown here.
  std::shared_ptr<const Graph> graph(const Chronicle& chronicle, std::string& why_not);
  /// The same, known_steps wanted.
  std::shared_ptr<const KnownSteps> known(const Chronicle& chronicle);

 private:
  struct File;  // which one it is
  struct Copy;
  Copy read() const;
  const Copy& latest();

  std::string run_dir_;
  Reader reader_;
  Want want_;
  std::uintmax_t most_bytes_;
  std::unique_ptr<const Copy> copy_;  // until it has ended the thread's
  std::exception_ptr failure_;        // the thread's
  std::thread thread_;
};

}  // namespace gradus
