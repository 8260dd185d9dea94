#include "run/steps_of_run.h"

#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "run/readiness.h"
#include "run/run_directory.h"

namespace gradus {

/// A new copy takes the place of the old one by its name: the two are never one file.
struct StepsOfRun::File {
  std::string path;  // empty: there is none
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t size = 0;
  std::pair<std::int64_t, std::int64_t> changed;

  bool operator==(const File&) const = default;

  static File of(const std::string& run_dir) {
    File file{kept_steps(run_dir), 0, 0, 0, {}};
    struct stat status {};
    if (file.path.empty() || stat(file.path.c_str(), &status) != 0) return file;
    file.device = status.st_dev;
    file.inode = status.st_ino;
    file.size = status.st_size;
    file.changed = {status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
    return file;
  }
};

struct StepsOfRun::Copy {
  File file;
  std::shared_ptr<const Graph> graph;  // null: see why_not
  std::shared_ptr<const KnownSteps> known;
  std::string why_not;
};

StepsOfRun::StepsOfRun(std::string run_dir, Reader reader, Want want, std::uintmax_t most_bytes)
    : run_dir_(std::move(run_dir)), reader_(std::move(reader)), want_(want), most_bytes_(most_bytes) {}

StepsOfRun::~StepsOfRun() {
  if (thread_.joinable()) thread_.join();
}

void StepsOfRun::begin() {
  const auto read_it = [this] {
    try {
      copy_ = std::make_unique<const Copy>(read());
    } catch (...) {
      failure_ = std::current_exception();
    }
  };
  try {
    thread_ = std::thread(read_it);
  } catch (const std::system_error&) {
    // No thread is to be had: it is read when it is asked for.
  }
}

StepsOfRun::Copy StepsOfRun::read() const {
  Copy copy{File::of(run_dir_), nullptr, nullptr, ""};  // before it is opened, so that a newer one is noticed
  const auto& path = copy.file.path;
  if (path.empty()) {
    copy.why_not = run_dir_ + " keeps no copy of its steps";
    return copy;
  }
  if (static_cast<std::uintmax_t>(copy.file.size) > most_bytes_) {
    copy.why_not = path + " is too large";
    return copy;
  }
  const auto steps = reader_(path);
  copy.graph = steps.graph;
  if (!steps.mistakes.empty()) copy.why_not = to_string(steps.mistakes.front());
  if (copy.graph && want_ == Want::known_steps) copy.known = std::make_shared<KnownSteps>(copy.graph);
  return copy;
}

const StepsOfRun::Copy& StepsOfRun::latest() {
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (!copy_ || copy_->file != File::of(run_dir_)) copy_ = std::make_unique<const Copy>(read());
  return *copy_;
}

std::shared_ptr<const Graph> StepsOfRun::graph(const Chronicle& chronicle, std::string& why_not) {
  const auto& copy = latest();
  why_not = copy.why_not;
  if (!copy.graph || is_of_latest_life(*copy.graph, chronicle)) return copy.graph;
  why_not = copy.file.path + " is of a life of which the journal has no record, and not of its latest one";
  return nullptr;
}

std::shared_ptr<const KnownSteps> StepsOfRun::known(const Chronicle& chronicle) {
  std::string unused;
  return graph(chronicle, unused) ? copy_->known : nullptr;
}

}  // namespace gradus
