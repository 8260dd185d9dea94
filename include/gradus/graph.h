// The steps of a run and what each needs: an immutable graph, and the builder that makes it.
//
// Knows: steps, their options, prerequisites, barriers, and the mistakes a set of steps can have
//        (cycles, unknown, duplicate and self needs).
// Unaware of: the file format the steps came from, slots, GPUs that exist, and what happens to a step.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gradus/diagnostic.h"

namespace gradus {

/// A node of the graph: steps come first, 0..step_count()-1 in file order; barriers follow.
using StepIndex = std::uint32_t;
inline constexpr StepIndex no_step = 0xffffffffU;

/// What many steps of a file have in common; stored once for all that share it.
struct StepOptions {
  std::optional<std::uint32_t> gpus;  ///< distinct GPUs; absent: one GPU slot if the step has a GPU mark
  std::uint32_t cpus = 0;             ///< cores; 0: not given
  std::uint32_t nodes = 0;            ///< whole nodes, for a step that is an MPI program over them; 0: none
  double timeout_s = 0;               ///< time limit of one attempt, seconds; 0: none
  std::uint32_t retries = 0;          ///< attempts after the first that the step may use up by failing
  std::int32_t priority = 0;          ///< higher first
  std::vector<std::pair<std::string, std::string>> env;  ///< name, value (may hold marks)
  std::string cwd;                                       ///< may hold marks; empty: where gradus was started

  bool operator==(const StepOptions&) const = default;
};

/// One step as the file gave it. Its texts live as long as the Graph.
struct Step {
  std::string_view id;       ///< explicit id; empty: the ordinal is its name
  std::string_view command;  ///< a shell line, or the argv words, each followed by '\0' (`is_argv`)
  std::string_view creates;  ///< paths that must exist afterwards, each followed by '\0'
  float cost = -1;           ///< estimated seconds; negative: not given
  std::uint32_t line = 0;    ///< where it stands in its file, from 1
  std::uint32_t options = 0;
  bool is_argv = false;
  bool has_gpu_mark = false;  ///< a GPU mark stands in command, argv, env or cwd
};

/// What follows a barrier waits for every step above it.
enum class BarrierKind : std::uint8_t {
  succeeded,  ///< … to have succeeded
  ended       ///< … only to have ended, in whatever way
};

class Graph {
 public:
  std::size_t step_count() const { return steps_.size(); }
  std::size_t node_count() const { return steps_.size() + barriers_.size(); }
  /// As the file has them: one that waits for `ended` is two nodes.
  std::size_t barrier_count() const;
  bool is_barrier(StepIndex node) const { return node >= steps_.size(); }
  BarrierKind barrier_kind(StepIndex node) const { return barriers_[node - steps_.size()]; }

  const Step& step(StepIndex step) const { return steps_[step]; }
  const StepOptions& options(StepIndex step) const { return options_[steps_[step].options]; }
  std::span<const StepIndex> needs(StepIndex node) const { return row(needs_begin_, needs_, node); }
  std::span<const StepIndex> dependents(StepIndex node) const { return row(dependents_begin_, dependents_, node); }

  /// Estimated seconds of the step: its cost, else the mean of the known ones, else 1.
  double expected_s(StepIndex step) const { return steps_[step].cost >= 0 ? steps_[step].cost : mean_cost_; }
  /// Seconds from the start of this node to the end of all that needs it, by expected durations.
  float longest_path_s(StepIndex node) const { return path_[node]; }

  /// The explicit id, else the ordinal (index + 1).
  std::string name(StepIndex step) const;
  /// The step of that name, or no_step.
  StepIndex find(std::string_view name) const;
  const std::string& file() const { return file_; }

 private:
  friend class GraphBuilder;
  friend class GraphCheck;
  struct IdCell {
    std::uint32_t hash = 0;    // some bits of it, so that hardly any other id is looked at
    StepIndex step = no_step;  // free
  };
  std::size_t cell_of(std::string_view id, std::uint64_t hash) const;
  static std::span<const StepIndex> row(const std::vector<std::uint32_t>& begin, const std::vector<StepIndex>& all,
                                        StepIndex node) {
    return {all.data() + begin[node], all.data() + begin[node + 1]};
  }

  std::string file_;
  std::vector<Step> steps_;
  std::vector<BarrierKind> barriers_;
  std::vector<StepOptions> options_;
  std::vector<std::uint32_t> needs_begin_, dependents_begin_;
  std::vector<StepIndex> needs_, dependents_;
  std::vector<float> path_;
  double mean_cost_ = 1;
  std::vector<IdCell> ids_ = std::vector<IdCell>(1);     // explicit ids only, by their hashes
  std::vector<std::shared_ptr<const void>> keep_alive_;  // what the string_views point into
};

/// Collects steps in file order, then checks them all at once.
/// Not thread-safe; one builder makes one graph.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string file);

  /// Keeps `text` alive as long as the graph, so that steps may point into it.
  std::string_view keep(std::shared_ptr<const std::string> text);
  /// Copies `text` into storage that lives as long as the graph.
  std::string_view store(std::string_view text);
  /// The number under which equal options are stored once.
  std::uint32_t intern(const StepOptions& options);

  /// Adds the next step; its texts must have come from keep() or store().
  StepIndex add(const Step& step);
  /// `needed` names a step anywhere in the file; resolved by build(). Its text must outlive build().
  /// `line` and `column` are the place to name when it cannot be resolved.
  void need(StepIndex step, std::string_view needed, std::uint32_t line, std::uint32_t column);
  /// Steps added from now on wait for all added so far.
  void barrier(BarrierKind kind);

  std::size_t step_count() const { return graph_->steps_.size(); }

  /// Appends every mistake to `mistakes`; the graph is null when there was one.
  /// Cycles are shown as `a -> b -> a`, unknown needs with the nearest known name.
  std::shared_ptr<const Graph> build(Diagnostics& mistakes);

 private:
  struct Need {
    StepIndex step;
    std::uint32_t line, column;
    std::string_view needed;
  };
  struct Barrier {
    BarrierKind kind;
    StepIndex before;  // the first step it holds back
  };

  std::shared_ptr<Graph> graph_;
  std::vector<Need> needs_;
  std::vector<Barrier> barriers_;
  std::unordered_map<std::string, std::uint32_t> option_numbers_;  // serialised options to their number
  std::size_t arena_left_ = 0;
  char* arena_next_ = nullptr;
};

}  // namespace gradus
