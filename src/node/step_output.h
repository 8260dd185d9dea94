// Where the output of one attempt goes.
//
// Knows: the files of an attempt, and how to keep one that grows without end below a size.
// Unaware of: processes, what the output means, who reads it.
#pragma once

#include <cstdint>
#include <string>

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

  /// 0 or an errno.
  int open(const std::string& path);
  int fd() const { return fd_; }  ///< -1: not open
  void close();
  /// Looks at the size; `limit` in bytes, 0: none. Not while another thread is in it.
  void keep_below(std::uint64_t limit);
  std::uint64_t left_out() const { return left_out_; }  ///< bytes

 private:
  int fd_ = -1;
  std::uint64_t left_out_ = 0;
};

/// The two files of an attempt, from before its start until after its end.
class StepOutput {
 public:
  /// Where a file cannot be made the step still runs; trouble() tells.
  StepOutput(const AttemptOrder& order, const RunSettings& settings, int null_fd);

  int out_fd() const { return out_.fd() >= 0 ? out_.fd() : null_fd_; }
  int err_fd() const { return err_.fd() >= 0 ? err_.fd() : null_fd_; }
  /// To be called every second or so while the step runs, and after.
  void keep_below_limit();
  /// What a user has to know about it; empty: nothing.
  std::string trouble() const;

 private:
  std::uint64_t limit_;
  int null_fd_;
  std::string trouble_;
  GrowingFile out_, err_;
};

}  // namespace gradus
