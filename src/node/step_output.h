// Where the output of the steps of one slot goes.
//
// Knows: the files of an attempt while it runs and after (own files, a pack, none), and how to keep one that grows
//        without end below a size.
// Unaware of: processes, what the output means, who reads it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "core/log_names.h"
#include "gradus/attempt.h"

namespace gradus {

/// A file that a step appends to. When it grows beyond the limit its beginning and its latest end stay, and a line
/// between them says how much was left out.
class GrowingFile {
 public:
  GrowingFile() = default;
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// A fresh one, in place of what stood under that name; 0 or an errno.
  int open(const std::string& path);
  int fd() const { return fd_; }  ///< -1: not open
  void close();
  /// Empties it for the next attempt.
  void clear();
  std::uint64_t size() const;  ///< bytes
  /// False also when it was removed: nobody will ever read what is written to it.
  bool is_there() const;
  /// Looks at the size; `limit` in bytes, 0: none. Not while another thread is in it.
  void keep_below(std::uint64_t limit);
  std::uint64_t left_out() const { return left_out_; }  ///< bytes

 private:
  int fd_ = -1;
  std::uint64_t left_out_ = 0;
};

/// The outputs of a rank's steps, one after the other in one file (core/output_pack.h). Any thread.
class OutputPack {
 public:
  explicit OutputPack(std::string path) : path_(std::move(path)) {}
  ~OutputPack();
  OutputPack(const OutputPack&) = delete;
  OutputPack& operator=(const OutputPack&) = delete;

  /// Appends what is in the two files; nothing when both are empty. Returns 0 or an errno; then nothing was appended.
  int append(const AttemptOrder& order, const GrowingFile& out, const GrowingFile& err);
  /// Whether what was in it is lost, since somebody has removed it; true once.
  bool take_removed() { return was_removed_.exchange(false); }

 private:
  int open_pack();
  int append_all(const AttemptOrder& order, const GrowingFile& out, const GrowingFile& err);

  std::string path_;
  std::mutex mutex_;
  int fd_ = -1;  // opened by the first that has something to say
  std::atomic<bool> was_removed_{false};
};

/// One a slot. begin() and end() on its thread; between them another thread may call keep_below_limit(), one at a time.
class SlotOutput {
 public:
  /// `settings` and `pack` must outlive this.
  SlotOutput(const RunSettings& settings, std::uint32_t rank, std::uint32_t slot, int null_fd, OutputPack& pack);
  ~SlotOutput();
  SlotOutput(const SlotOutput&) = delete;
  SlotOutput& operator=(const SlotOutput&) = delete;

  /// Where a file cannot be made the step still runs; end() tells.
  void begin(const AttemptOrder& order);
  int out_fd() const { return out_.fd() >= 0 ? out_.fd() : null_fd_; }
  int err_fd() const { return err_.fd() >= 0 ? err_.fd() : null_fd_; }
  /// To be called every second or so while the step runs.
  void keep_below_limit();
  /// Puts what the attempt has written where it belongs. Returns what a user has to know about it, or nothing.
  std::string end(const AttemptOrder& order, bool succeeded);

 private:
  bool is_shared() const { return settings_.output == OutputKind::packed || settings_.output == OutputKind::failed; }
  std::string path(const std::string& name) const { return settings_.run_dir + "/" + name; }
  void forget_earlier(const AttemptOrder& order) const;
  void open_both(const std::string& out, const std::string& err);
  std::string keep_own_files(const AttemptOrder& order);
  std::string put_away(const AttemptOrder& order, bool succeeded);

  const RunSettings& settings_;
  std::uint32_t rank_, slot_;
  int null_fd_;
  OutputPack& pack_;
  std::string trouble_;
  GrowingFile out_, err_;
};

}  // namespace gradus
