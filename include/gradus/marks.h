// Marks: `%(GPU)s` and its like in commands, environment values and working folders.
//
// Knows: the known marks, how each is written out, and which texts are left alone.
// Unaware of: steps, slots, who runs a command, and how it is run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// The closed set of marks.
enum class Mark : std::uint8_t {
  gpu,        ///< %(GPU)s: positions, separated by a space
  gpu_comma,  ///< %(GPU_COMMA)s
  gpu_colon,  ///< %(GPU_COLON)s
  gpu_from1,  ///< %(GPU_FROM1)s: positions counted from 1, separated by a space
  gpu_count,  ///< %(GPU_COUNT)s
  gpu_env,    ///< %(GPU_ENV)s: tokens for a visible-devices variable, comma-joined
  step,
  attempt,
  rank,
  local_rank,
  thread,
  slot,
  host,
  cpus,
  run_dir,
  nodes,    ///< how many nodes the step has: 1, or what its `nodes` says
  hostfile  ///< a file that names them, for mpirun; only for steps with `nodes`
};

/// `GPU`, `GPU_COMMA`, … as written between `%(` and `)s`.
const char* mark_name(Mark mark);
bool is_gpu_mark(Mark mark);
/// GPU, GPU_COMMA and GPU_ENV: as the value of a visible-devices variable they all become tokens, comma-joined.
/// Positions there would name other devices than the step's wherever a list was inherited.
bool can_be_visible_devices_value(Mark mark);

/// One stretch of a text: literal bytes, or a mark.
struct MarkPiece {
  bool is_mark = false;
  Mark mark = Mark::gpu;
  /// The mark is the value of CUDA_VISIBLE_DEVICES=, ROCR_…, HIP_… or ZE_AFFINITY_MASK= (a quote may
  /// stand before it): it becomes tokens, comma-joined. See can_be_visible_devices_value.
  bool is_visible_devices_value = false;
  std::string_view literal;  ///< points into the text that was split
};

/// A mark nobody knows, such as `%(GPUS)s`: an input error with the nearest known name.
struct UnknownMark {
  std::size_t offset = 0;  ///< byte offset of its `%`
  std::string name;
  std::string nearest;  ///< empty when nothing is near
};

/// Splits `text` into pieces. `%%(NAME)s` becomes the literal `%(NAME)s`. Every other `%` is literal.
/// Unknown upper-case `%(NAME)s` are appended to `unknown` (may be null) and kept as literals.
std::vector<MarkPiece> split_marks(std::string_view text, std::vector<UnknownMark>* unknown);

/// True when a GPU mark stands in `text`. Cheap when there is no `%`.
bool has_gpu_mark(std::string_view text);

/// The value of one mark for one attempt.
using MarkValue = std::function<std::string(Mark mark, bool is_visible_devices_value)>;

/// The text with every mark replaced by its value.
std::string expand_marks(std::string_view text, const MarkValue& value);

/// True when `value` may stand unquoted in a shell line: only [A-Za-z0-9_.,:/@+-].
bool is_safe_in_shell(std::string_view value);

}  // namespace gradus
