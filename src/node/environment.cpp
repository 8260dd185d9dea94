#include "node/environment.h"

#include "core/launcher_environment.h"

namespace gradus {

StepEnvironment::StepEnvironment(const char* const* variables) {
  for (; *variables != nullptr; ++variables) {
    const std::string_view variable(*variables);
    if (!is_launcher_variable(variable.substr(0, variable.find('=')))) variables_.emplace_back(variable);
  }
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const std::string_view variable(variables_[i]);
    index_.emplace(variable.substr(0, variable.find('=')), i);
  }
}

std::string_view StepEnvironment::value(std::string_view name) const {
  const auto it = index_.find(name);
  if (it == index_.end()) return {};
  return std::string_view(variables_[it->second]).substr(name.size() + 1);
}

std::vector<const char*> StepEnvironment::with(const std::vector<std::pair<std::string, std::string>>& changes,
                                               std::vector<std::string>& storage) const {
  std::vector<const char*> list;
  list.reserve(variables_.size() + changes.size() + 1);
  for (const auto& variable : variables_) list.push_back(variable.c_str());
  storage.clear();
  storage.reserve(changes.size());  // pointers into it must stay
  std::unordered_map<std::string_view, std::size_t> added;
  for (const auto& [name, value] : changes) {
    storage.push_back(name + "=" + value);
    const char* text = storage.back().c_str();
    if (const auto it = index_.find(name); it != index_.end()) {
      list[it->second] = text;
    } else if (const auto [at, is_new] = added.try_emplace(name, list.size()); is_new) {
      list.push_back(text);
    } else {
      list[at->second] = text;
    }
  }
  list.push_back(nullptr);
  return list;
}

}  // namespace gradus
