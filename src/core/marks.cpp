#include "gradus/marks.h"

#include <algorithm>
#include <array>

#include "gradus/diagnostic.h"

namespace gradus {
namespace {

struct Named {
  Mark mark;
  const char* name;
};
constexpr std::array<Named, 17> names{{{Mark::gpu, "GPU"},
                                       {Mark::gpu_comma, "GPU_COMMA"},
                                       {Mark::gpu_colon, "GPU_COLON"},
                                       {Mark::gpu_from1, "GPU_FROM1"},
                                       {Mark::gpu_count, "GPU_COUNT"},
                                       {Mark::gpu_env, "GPU_ENV"},
                                       {Mark::step, "STEP"},
                                       {Mark::attempt, "ATTEMPT"},
                                       {Mark::rank, "RANK"},
                                       {Mark::local_rank, "LOCAL_RANK"},
                                       {Mark::thread, "THREAD"},
                                       {Mark::slot, "SLOT"},
                                       {Mark::host, "HOST"},
                                       {Mark::cpus, "CPUS"},
                                       {Mark::run_dir, "RUN_DIR"},
                                       {Mark::nodes, "NODES"},
                                       {Mark::hostfile, "HOSTFILE"}}};

bool is_name_character(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// The NAME of a `%(NAME)s` that begins at text[at], or empty.
std::string_view name_at(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "%(") return {};
  std::size_t end = at + 2;
  while (end < text.size() && is_name_character(text[end])) ++end;
  const bool begins_with_a_letter = end > at + 2 && text[at + 2] >= 'A' && text[at + 2] <= 'Z';
  if (!begins_with_a_letter || text.substr(end, 2) != ")s") return {};
  return text.substr(at + 2, end - at - 2);
}

const Named* find(std::string_view name) {
  const auto it = std::find_if(names.begin(), names.end(), [name](const Named& one) { return name == one.name; });
  return it == names.end() ? nullptr : it;
}

bool is_identifier_character(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// True when `before` ends in `CUDA_VISIBLE_DEVICES=` or its like, perhaps with a quote behind.
bool ends_in_visible_devices(std::string_view before) {
  if (before.ends_with('"') || before.ends_with('\'')) before.remove_suffix(1);
  for (const std::string_view variable :
       {"CUDA_VISIBLE_DEVICES=", "ROCR_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=", "ZE_AFFINITY_MASK="}) {
    if (!before.ends_with(variable)) continue;
    const auto at = before.size() - variable.size();
    if (at == 0 || !is_identifier_character(before[at - 1])) return true;
  }
  return false;
}

UnknownMark unknown_mark(std::size_t offset, std::string_view name) {
  std::vector<std::string> known;
  for (const auto& one : names) known.emplace_back(one.name);
  return {offset, std::string(name), nearest_word(std::string(name), known)};
}

}  // namespace

const char* mark_name(Mark mark) {
  return std::find_if(names.begin(), names.end(), [mark](const Named& one) { return one.mark == mark; })->name;
}

bool is_gpu_mark(Mark mark) { return mark <= Mark::gpu_env; }

bool can_be_visible_devices_value(Mark mark) {
  return mark == Mark::gpu || mark == Mark::gpu_comma || mark == Mark::gpu_env;
}

std::vector<MarkPiece> split_marks(std::string_view text, std::vector<UnknownMark>* unknown) {
  std::vector<MarkPiece> pieces;
  std::size_t begin = 0;  // of the literal that is being collected
  const auto literal_until = [&](std::size_t end) {
    if (end > begin) pieces.push_back({false, Mark::gpu, false, text.substr(begin, end - begin)});
  };
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at)) {
    // %%(NAME)s: the first percent sign goes, the rest is literal.
    if (at + 1 < text.size() && text[at + 1] == '%' && !name_at(text, at + 1).empty()) {
      literal_until(at);
      begin = at + 1;
      at += 1 + name_at(text, at + 1).size() + 4;
      continue;
    }
    const auto name = name_at(text, at);
    const auto* known = find(name);
    if (known == nullptr) {
      if (!name.empty() && unknown != nullptr) unknown->push_back(unknown_mark(at, name));
      ++at;
      continue;
    }
    literal_until(at);
    const bool is_value = can_be_visible_devices_value(known->mark) && ends_in_visible_devices(text.substr(0, at));
    pieces.push_back({true, known->mark, is_value, {}});
    at += name.size() + 4;
    begin = at;
  }
  literal_until(text.size());
  return pieces;
}

bool has_gpu_mark(std::string_view text) {
  if (text.find("%(GPU") == std::string_view::npos) return false;
  const auto pieces = split_marks(text, nullptr);
  return std::any_of(pieces.begin(), pieces.end(),
                     [](const MarkPiece& piece) { return piece.is_mark && is_gpu_mark(piece.mark); });
}

std::string expand_marks(std::string_view text, const MarkValue& value) {
  if (text.find('%') == std::string_view::npos) return std::string(text);
  std::string expanded;
  for (const auto& piece : split_marks(text, nullptr)) {
    expanded += piece.is_mark ? value(piece.mark, piece.is_visible_devices_value) : std::string(piece.literal);
  }
  return expanded;
}

bool is_safe_in_shell(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.,:/@+-").find(c) != std::string_view::npos;
  });
}

}  // namespace gradus
