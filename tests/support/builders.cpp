#include "support/builders.h"

#include <stdexcept>

namespace gradus::support {
namespace {

[[noreturn]] void reject(const std::string& what) { throw std::invalid_argument(what); }

std::uint32_t whole(const std::string& text) {
  std::size_t end = 0;
  const auto number = std::stoul(text, &end);
  if (end != text.size()) reject("not a number: " + text);
  return static_cast<std::uint32_t>(number);
}

void set_option(const std::string& word, Step& step, StepOptions& options) {
  const auto equals = word.find('=');
  const auto key = word.substr(0, equals);
  if (equals == std::string::npos) {
    if (key != "gpu") reject("unknown word in a test's steps: " + word);
    step.has_gpu_mark = true;
    return;
  }
  const auto value = word.substr(equals + 1);
  if (key == "gpus")
    options.gpus = whole(value);
  else if (key == "cpus")
    options.cpus = whole(value);
  else if (key == "nodes")
    options.nodes = whole(value);
  else if (key == "retries")
    options.retries = whole(value);
  else if (key == "priority")
    options.priority = std::stoi(value);
  else if (key == "cost")
    step.cost = std::stof(value);
  else if (key == "timeout")
    options.timeout_s = std::stod(value);
  else
    reject("unknown word in a test's steps: " + word);
}

void add_step(const std::vector<std::string>& words, std::uint32_t line, GraphBuilder& builder) {
  Step step;
  StepOptions options;
  std::vector<std::string> needs;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] != "after") {
      set_option(words[i], step, options);
    } else if (++i < words.size()) {
      needs = split(words[i], ",");
    }
  }
  step.id = builder.store(words[0]);
  step.command = builder.store("true");
  step.line = line;
  step.options = builder.intern(options);
  const auto index = builder.add(step);
  for (const auto& need : needs) builder.need(index, builder.store(need), line, 1);
}

SlotShape slot(const std::string& word, std::uint32_t& cores_used) {
  SlotShape shape;
  const auto slash = word.find('/');
  const auto gpus = word.substr(0, slash);
  if (gpus != "-") {
    for (const auto& gpu : split(gpus, ",")) shape.gpus.push_back(whole(gpu));
  }
  const auto cores = slash == std::string::npos ? 1U : whole(word.substr(slash + 1));
  for (std::uint32_t i = 0; i < cores; ++i) shape.cores.push_back(cores_used++);
  return shape;
}

}  // namespace

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find_first_of(separators, begin), text.size());
    if (end > begin) words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string comma_joined(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (const auto number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

std::shared_ptr<const Graph> graph(std::string_view text) {
  GraphBuilder builder("test");
  std::uint32_t line = 0;
  for (const auto& entry : split(text, ";\n")) {
    ++line;
    const auto words = split(entry, " \t");
    if (words.empty()) continue;
    if (words[0] == "barrier")
      builder.barrier(BarrierKind::succeeded);
    else if (words[0] == "barrier=ended")
      builder.barrier(BarrierKind::ended);
    else
      add_step(words, line, builder);
  }
  Diagnostics mistakes;
  auto built = builder.build(mistakes);
  std::string all;
  for (const auto& mistake : mistakes) all += mistake.message + "\n";
  if (!built) reject(all);
  return built;
}

WorkerShape Machine::worker(const std::string& node, std::string_view slots) {
  const auto [it, is_new] = nodes_.try_emplace(node, static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) names_.push_back(node);
  WorkerShape shape;
  shape.node = it->second;
  for (const auto& word : split(slots, " \t")) shape.slots.push_back(slot(word, cores_used_[shape.node]));
  return shape;
}

std::string slots_text(const WorkerShape& shape) {
  std::string text;
  for (const auto& slot : shape.slots) {
    if (!text.empty()) text += ' ';
    text += slot.gpus.empty() ? "-" : comma_joined(slot.gpus);
    if (slot.cores.size() != 1) text += "/" + std::to_string(slot.cores.size());
  }
  return text;
}

}  // namespace gradus::support
