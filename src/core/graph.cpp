#include "gradus/graph.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>
#include <tuple>

#include "core/by_hash.h"
#include "core/cycles.h"

namespace gradus {
namespace {

constexpr std::size_t arena_block = 1 << 20;
/// Looking for the nearest of a million names for each of a million mistakes would never end.
constexpr std::size_t most_suggestions = 20;
constexpr std::size_t most_candidates = 20000;

StepIndex as_ordinal(std::string_view name, std::size_t steps) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_number = error == std::errc() && end == name.data() + name.size() && !name.empty() && name[0] != '0';
  return is_number && number <= steps ? number - 1 : no_step;
}

std::uint64_t hash_of(std::string_view id) { return XXH3_64bits(id.data(), id.size()); }

/// Other bits than those that choose the cell.
std::uint32_t mark_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32U); }

std::string key_of(const StepOptions& options) {
  auto key = fmt::format("{}|{}|{}|{}|{}|{}|", options.gpus ? static_cast<int>(*options.gpus) : -1, options.cpus,
                         options.nodes, options.timeout_s, options.retries, options.priority);
  for (const auto& [name, value] : options.env) key.append(name).append(1, '\0').append(value).append(1, '\0');
  return key.append(1, '|').append(options.cwd);
}

}  // namespace

std::string Graph::name(StepIndex step) const {
  if (is_barrier(step)) return fmt::format("barrier {}", step - steps_.size() + 1);
  return steps_[step].id.empty() ? std::to_string(step + 1) : std::string(steps_[step].id);
}

/// Where that id stands, or a free cell for it.
std::size_t Graph::cell_of(std::string_view id, std::uint64_t hash) const {
  return find_cell(ids_, hash, [&](const IdCell& cell) {
    return cell.step == no_step || (cell.hash == mark_of(hash) && steps_[cell.step].id == id);
  });
}

StepIndex Graph::find(std::string_view name) const {
  if (const auto step = ids_[cell_of(name, hash_of(name))].step; step != no_step) return step;
  const auto step = as_ordinal(name, steps_.size());
  return step != no_step && steps_[step].id.empty() ? step : no_step;
}

GraphBuilder::GraphBuilder(std::string file) : graph_(std::make_shared<Graph>()) { graph_->file_ = std::move(file); }

std::string_view GraphBuilder::keep(std::shared_ptr<const std::string> text) {
  graph_->keep_alive_.push_back(text);
  return *text;
}

std::string_view GraphBuilder::store(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > arena_left_) {
    arena_left_ = std::max(arena_block, text.size());
    std::shared_ptr<char[]> block(new char[arena_left_]);
    arena_next_ = block.get();
    graph_->keep_alive_.push_back(std::move(block));
  }
  char* const copy = arena_next_;
  std::memcpy(copy, text.data(), text.size());
  arena_next_ += text.size();
  arena_left_ -= text.size();
  return {copy, text.size()};
}

std::uint32_t GraphBuilder::intern(const StepOptions& options) {
  auto& all = graph_->options_;
  // Nearly always the same as the step before.
  if (!all.empty() && options == all.back()) return static_cast<std::uint32_t>(all.size() - 1);
  const auto [it, is_new] = option_numbers_.try_emplace(key_of(options), static_cast<std::uint32_t>(all.size()));
  if (is_new) all.push_back(options);
  return it->second;
}

StepIndex GraphBuilder::add(const Step& step) {
  graph_->steps_.push_back(step);
  return static_cast<StepIndex>(graph_->steps_.size() - 1);
}

void GraphBuilder::need(StepIndex step, std::string_view needed, std::uint32_t line, std::uint32_t column) {
  needs_.push_back({step, line, column, needed});
}

void GraphBuilder::barrier(BarrierKind kind) {
  const auto before = static_cast<StepIndex>(graph_->steps_.size());
  barriers_.push_back({kind, before});
}

// ---- build ----------------------------------------------------------------------------------

namespace {

using Edge = std::pair<StepIndex, StepIndex>;  // node, what it needs

/// Compressed rows: for every node the nodes it is joined with, in the order of `edges`.
void fill_rows(const std::vector<Edge>& edges, std::size_t nodes, std::vector<std::uint32_t>& begin,
               std::vector<StepIndex>& all) {
  begin.assign(nodes + 1, 0);
  for (const auto& [node, other] : edges) ++begin[node + 1];
  for (std::size_t i = 0; i < nodes; ++i) begin[i + 1] += begin[i];
  all.resize(edges.size());
  auto next = begin;
  for (const auto& [node, other] : edges) all[next[node]++] = other;
}

/// And sorts them: without barriers they come so, as long as each step names what it needs in the file's order.
void drop_repeats(std::vector<Edge>& edges) {
  if (!std::is_sorted(edges.begin(), edges.end())) std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
}

std::string shown_cycle(const Graph& graph, const std::vector<StepIndex>& cycle) {
  constexpr std::size_t most = 12;
  std::string text;
  for (std::size_t i = 0; i < cycle.size(); ++i) {
    if (cycle.size() > most && i == most / 2) {
      text += fmt::format("... {} more ... -> ", cycle.size() - most);
      i = cycle.size() - most / 2;
    }
    text += graph.name(cycle[i]) + " -> ";
  }
  return text + graph.name(cycle.front());
}

}  // namespace

/// One pass of build(); holds what the passes share.
class GraphCheck {
 public:
  GraphCheck(Graph& graph, Diagnostics& mistakes) : graph_(graph), mistakes_(mistakes) {}

  void index_ids() {
    const auto ids =
        std::count_if(graph_.steps_.begin(), graph_.steps_.end(), [](const Step& step) { return !step.id.empty(); });
    graph_.ids_.assign(cells_for(static_cast<std::size_t>(ids)), {});
    for (StepIndex step = 0; step < graph_.steps_.size(); ++step) {
      const auto id = graph_.steps_[step].id;
      if (id.empty()) continue;
      const auto hash = hash_of(id);
      auto& cell = graph_.ids_[graph_.cell_of(id, hash)];
      if (cell.step == no_step) {
        cell = {mark_of(hash), step};
      } else {
        complain(step, fmt::format("the id '{}' was given before, in line {}", id, graph_.steps_[cell.step].line));
      }
      const auto other = as_ordinal(id, graph_.steps_.size());
      if (other != no_step && other != step && graph_.steps_[other].id.empty()) {
        complain(step,
                 fmt::format("the id '{}' is also the number of the step in line {}: give that step an id of its own",
                             id, graph_.steps_[other].line));
      }
    }
  }

  void resolve(StepIndex step, std::string_view needed, std::uint32_t line, std::uint32_t column) {
    const auto target = graph_.find(needed);
    if (target == step) {
      mistakes_.push_back({graph_.file_, line, column, fmt::format("step {} needs itself", graph_.name(step))});
    } else if (target != no_step) {
      edges_.emplace_back(step, target);
    } else if (told_.emplace(line, column, needed).second) {
      // Many steps share the needs of one #GRADUS line: it is one mistake, told for the first of them.
      mistakes_.push_back({graph_.file_, line, column,
                           fmt::format("step {} needs '{}', which is no step{}", graph_.name(step), needed,
                                       suggestion(std::string(needed)))});
    }
  }

  /// A barrier is one node: what stands before it since the last one is needed by it, what follows needs
  /// it. A `succeeded` barrier counts everything above, also across an earlier `ended` one: each `ended`
  /// barrier therefore has a companion that waits for success and is only needed by later barriers.
  void add_barrier(BarrierKind kind, StepIndex before) {
    const auto gate = add_node(kind);
    gather(gate, before);
    if (kind == BarrierKind::succeeded) {
      if (all_succeeded_ != no_step) edges_.emplace_back(gate, all_succeeded_);
      all_succeeded_ = gate;
    } else {
      if (gate_ != no_step) edges_.emplace_back(gate, gate_);
      const auto companion = add_node(BarrierKind::succeeded);
      gather(companion, before);
      if (all_succeeded_ != no_step) edges_.emplace_back(companion, all_succeeded_);
      all_succeeded_ = companion;
    }
    hold_back(before);
    gate_ = gate;
    segment_ = before;
  }
  void end_barriers() { hold_back(static_cast<StepIndex>(graph_.steps_.size())); }

  void lay_out() {
    drop_repeats(edges_);
    const auto nodes = graph_.node_count();
    fill_rows(edges_, nodes, graph_.needs_begin_, graph_.needs_);
    for (auto& [node, needed] : edges_) std::swap(node, needed);
    fill_rows(edges_, nodes, graph_.dependents_begin_, graph_.dependents_);  // by dependent already
    std::vector<Edge>().swap(edges_);
  }

  /// Topological order by counting; what is left over lies on or behind a cycle.
  std::vector<StepIndex> order() {
    const auto nodes = static_cast<StepIndex>(graph_.node_count());
    std::vector<std::uint32_t> unmet(nodes);
    std::vector<StepIndex> order;
    order.reserve(nodes);
    for (StepIndex node = 0; node < nodes; ++node) {
      unmet[node] = static_cast<std::uint32_t>(graph_.needs(node).size());
      if (unmet[node] == 0) order.push_back(node);
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (const auto dependent : graph_.dependents(order[i])) {
        if (--unmet[dependent] == 0) order.push_back(dependent);
      }
    }
    if (order.size() < nodes) report_cycles(unmet);
    return order;
  }

  void measure(const std::vector<StepIndex>& order) {
    double sum = 0;
    std::size_t known = 0;
    for (const auto& step : graph_.steps_) {
      if (step.cost < 0) continue;
      sum += static_cast<double>(step.cost);
      ++known;
    }
    if (known > 0) graph_.mean_cost_ = sum / static_cast<double>(known);
    graph_.path_.assign(graph_.node_count(), 0);
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      float longest = 0;
      for (const auto dependent : graph_.dependents(*it)) longest = std::max(longest, graph_.path_[dependent]);
      graph_.path_[*it] = longest + (graph_.is_barrier(*it) ? 0 : static_cast<float>(graph_.expected_s(*it)));
    }
  }

 private:
  void complain(StepIndex step, std::string message) {
    mistakes_.push_back({graph_.file_, graph_.steps_[step].line, 0, std::move(message)});
  }

  std::string suggestion(const std::string& word) {
    if (++suggestions_ > most_suggestions) return "";
    if (candidates_.empty()) {
      for (const auto& step : graph_.steps_) {
        if (candidates_.size() == most_candidates) break;
        if (!step.id.empty()) candidates_.emplace_back(step.id);
      }
      std::sort(candidates_.begin(), candidates_.end());
    }
    const auto nearest = nearest_word(word, candidates_);
    return nearest.empty() ? "" : fmt::format(": did you mean '{}'?", nearest);
  }

  StepIndex add_node(BarrierKind kind) {
    graph_.barriers_.push_back(kind);
    return static_cast<StepIndex>(graph_.node_count() - 1);
  }
  void gather(StepIndex barrier, StepIndex end) {
    for (StepIndex step = segment_; step < end; ++step) edges_.emplace_back(barrier, step);
  }
  void hold_back(StepIndex end) {
    for (StepIndex step = segment_; gate_ != no_step && step < end; ++step) edges_.emplace_back(step, gate_);
  }

  void report_cycles(const std::vector<std::uint32_t>& unmet) {
    for (const auto& cycle : find_cycles(graph_, unmet)) {
      const auto first = cycle.front();
      const auto line = graph_.is_barrier(first) ? 0 : graph_.steps_[first].line;
      mistakes_.push_back({graph_.file_, line, 0, "these steps need each other: " + shown_cycle(graph_, cycle)});
    }
  }

  Graph& graph_;
  Diagnostics& mistakes_;
  std::vector<Edge> edges_;
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::string_view>> told_;  // unknown needs and their places
  std::vector<std::string> candidates_;
  std::size_t suggestions_ = 0;
  StepIndex segment_ = 0;              // first step behind the last barrier
  StepIndex gate_ = no_step;           // the last barrier
  StepIndex all_succeeded_ = no_step;  // the node that stands for "everything above succeeded"
};

std::size_t Graph::barrier_count() const {
  const auto companions = std::count(barriers_.begin(), barriers_.end(), BarrierKind::ended);
  return barriers_.size() - static_cast<std::size_t>(companions);
}

std::shared_ptr<const Graph> GraphBuilder::build(Diagnostics& mistakes) {
  const auto before = mistakes.size();
  GraphCheck check(*graph_, mistakes);
  check.index_ids();
  for (const auto& need : needs_) check.resolve(need.step, need.needed, need.line, need.column);
  for (const auto& barrier : barriers_) check.add_barrier(barrier.kind, barrier.before);
  check.end_barriers();
  check.lay_out();
  check.measure(check.order());
  return mistakes.size() > before ? nullptr : graph_;
}

}  // namespace gradus
