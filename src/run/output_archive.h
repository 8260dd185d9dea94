// Reading what steps have written.
//
// Knows: the files of a run directory in which an attempt's output can be (its own, a pack).
// Unaware of: the journal, which attempts there were.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/log_names.h"

namespace gradus {

/// A stretch of a file.
struct StoredOutput {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< bytes
};

class OutputArchive {
 public:
  /// `life`: of which the attempts are, from 1; 0: the latest. `name`: that life's; empty where it is not known: then
  /// what any life has packed is taken for it, the latest first.
  explicit OutputArchive(std::string run_dir, std::uint32_t life = 0, std::string name = {});

  /// What that attempt wrote; nothing when it wrote nothing or it is not kept. Two files of its own are those of the
  /// latest life that had such an attempt, whichever was asked for.
  std::optional<StoredOutput> find(std::uint32_t ordinal, std::uint32_t attempt, Stream stream);

  /// Whether a later life has put that life's outputs aside, since it had the steps in another order.
  bool is_aside() const { return logs_ != run_dir_ + "/" + std::string(logs_folder); }

  struct Listed {
    std::uint32_t ordinal = 0, attempt = 1;
    std::uint64_t out_size = 0, err_size = 0;
  };
  /// Every attempt of which there is any output, by ordinal and attempt.
  std::vector<Listed> list();

 private:
  struct Packed {
    std::uint32_t pack = 0;
    std::uint64_t offset = 0, out_size = 0, err_size = 0;
  };
  void read_packs();
  void read_pack(const std::string& path);

  std::string path_of(std::string_view log) const;

  std::string run_dir_, life_name_;
  std::string logs_;  // the folder
  bool has_read_packs_ = false;
  std::vector<std::string> packs_;
  std::unordered_map<std::uint64_t, Packed> packed_;  // by ordinal and attempt
};

/// The last lines, at most `most`, made fit for a terminal; reads only the end.
std::vector<std::string> last_lines(const StoredOutput& output, std::size_t most);

}  // namespace gradus
