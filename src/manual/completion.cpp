#include "manual/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace gradus::manual {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<OptionForm> options_of(const HelpText& help) {
  std::vector<OptionForm> all;
  for (const auto& block : help.blocks) {
    for (const auto& item : block.items) {
      if (item.is_option()) all.push_back(read_option(item.tag));
    }
  }
  return all;
}

/// What a placeholder stands for, where bash can tell.
std::string files_for(const std::string& value) {
  if (value.find("DIR") != std::string::npos) return "@folder";
  if (value.find("FILE") != std::string::npos || value == "PATH") return "@file";
  if (value == "RUN") return "@run";
  if (value == "ID" || value == "STEP") return "@step";
  return "@nothing";
}

std::string options_case(const Subcommand& subcommand) {
  std::string words = "--help";
  for (const auto& option : options_of(subcommand.help)) {
    for (const auto& name : option.names) {
      if (name != "--help" && name.starts_with("--")) words += " " + name;
    }
  }
  return fmt::format("    {}) echo '{}' ;;\n", subcommand.name, words);
}

std::string values_cases(const Subcommand& subcommand) {
  std::string cases;
  for (const auto& option : options_of(subcommand.help)) {
    if (option.value.empty()) continue;
    auto words = option.choices;
    const auto files = files_for(option.value);
    if (words.empty() || files != "@nothing") words.push_back(files);
    for (const auto& name : option.names) {
      cases += fmt::format("    '{} {}') echo '{}' ;;\n", subcommand.name, name, joined(words));
    }
  }
  return cases;
}

/// What a word of a usage line stands for; empty: nothing that bash can know.
std::string kind_of_word(const std::string& word) {
  if (word == "STEPS") return "@steps-file";
  if (word == "RUN") return "@run";
  if (word == "STEP") return "@step";
  const bool is_typed = std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return is_typed && word != "options" ? word : "";
}

/// The words behind `gradus NAME` in one form of its usage, until the options.
std::vector<std::string> kinds_in(std::string usage, const std::string& name) {
  std::erase_if(usage, [](char c) { return c == '[' || c == ']'; });
  const auto at = usage.find("gradus " + name);
  if (at == std::string::npos) return {};
  std::istringstream words(usage.substr(at + 7 + name.size()));
  std::vector<std::string> kinds;
  for (std::string word; words >> word;) {
    auto kind = kind_of_word(word);
    if (kind.empty()) break;
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

/// What may stand at each place behind the subcommand, by all forms of its usage together.
std::string words_cases(const Subcommand& subcommand) {
  std::vector<std::vector<std::string>> places;
  for (const auto& usage : subcommand.help.usage) {
    const auto kinds = kinds_in(usage.tag, subcommand.name);
    places.resize(std::max(places.size(), kinds.size()));
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      auto& place = places[i];
      if (std::find(place.begin(), place.end(), kinds[i]) == place.end()) place.push_back(kinds[i]);
    }
  }
  std::string cases;
  for (std::size_t i = 0; i < places.size(); ++i) {
    cases += fmt::format("    '{} {}') echo '{}' ;;\n", subcommand.name, i + 1, joined(places[i]));
  }
  return cases;
}

constexpr auto machinery = R"BASH(
# Ids of a run's steps (a run directory, or its steps file), ordinals where they have none: those that were started, and
# those in its copy of the steps. Of great files only the beginning is read.
_gradus_steps() {
  local run=$1
  [[ -f $run/journal.jsonl ]] || run=${run%.*}.run
  [[ -f $run/journal.jsonl ]] || return 0
  {
    head -c 4000000 "$run/journal.jsonl" | grep -a '^{"launch":' |
      sed -n -e 's/.*"id":"\([^"\\]*\)".*/\1/p;t' -e 's/^{"launch":\([0-9]*\),.*/\1/p' | head -n 2000 || :
    _gradus_kept_steps "$run"
  } | sort -u | head -n 2000
}

# $1: the run directory.
_gradus_kept_steps() {
  local id='"id"[ \t]*:[ \t]*"'
  if [[ -f $1/steps.txt ]]; then
    head -c 1000000 "$1/steps.txt" | LC_ALL=C awk '
      goes_on { goes_on = /\\$/; next }
      /^[ \t]*#GRADUS[ \t].*--id[ =]/ { id = $0; sub(/.*--id[ =]+"?/, "", id); sub(/["\t ].*/, "", id) }
      /^[ \t]*(#|$)/ { next }
      { ++ordinal; print id == "" ? ordinal : id; id = ""; goes_on = /\\$/ }'
  elif [[ -f $1/steps.jsonl ]]; then
    head -c 1000000 "$1/steps.jsonl" | LC_ALL=C awk -v id="$id" '
      /^[ \t]*$/ { next }
      { ++ordinal; name = "" }
      match($0, id "[^\"\\\\]*\"") { name = substr($0, RSTART, RLENGTH); sub("^" id, "", name); sub(/"$/, "", name) }
      { print name == "" ? ordinal : name }'
  elif [[ -f $1/steps.json ]]; then
    head -c 1000000 "$1/steps.json" | LC_ALL=C grep -ao "\"id\"[[:space:]]*:[[:space:]]*\"[^\"\\]*\"" |
      sed 's/^"id"[[:space:]]*:[[:space:]]*"//; s/"$//'
  fi 2>/dev/null | head -n 2000
}

_gradus_files() {
  local path
  compgen -d -- "$1"
  while IFS= read -r path; do
    [[ ! -d $path && $path =~ $2 ]] && printf '%s\n' "$path"
  done < <(compgen -f -- "$1")
}

# $1: what is wanted: words, or @kinds; $2: the word so far; $3: the run that was named.
_gradus_candidates() {
  local kind path
  for kind in $1; do
    case $kind in
      @folder) compgen -d -- "$2" ;;
      @file) compgen -f -- "$2" ;;
      @steps-file) _gradus_files "$2" '\.(txt|jsonl|ndjson|json)$' ;;
      @run)
        while IFS= read -r path; do
          [[ -f $path/journal.jsonl ]] && printf '%s\n' "$path"
        done < <(compgen -d -- "$2")
        while IFS= read -r path; do
          [[ ! -d $path && -f ${path%.*}.run/journal.jsonl ]] && printf '%s\n' "$path"
        done < <(_gradus_files "$2" '\.(txt|jsonl|ndjson|json)$')
        ;;
      @step)
        while IFS= read -r path; do
          [[ $path == "$2"* ]] && printf '%s\n' "$path"
        done < <(_gradus_steps "$3")
        ;;
      @*) ;;
      *) [[ $kind == "$2"* ]] && printf '%s\n' "$kind" ;;
    esac
  done
}

_gradus() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} at=1 wanted run= i place=0 takes
  COMPREPLY=()
  # `--option=value` reaches us as three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  local subcommand=${COMP_WORDS[at]}
  if ((COMP_CWORD == at)); then
    wanted="$_gradus_subcommands --help --version"
  elif [[ $previous == --* && -n $(_gradus_values "$subcommand $previous") ]]; then
    wanted=$(_gradus_values "$subcommand $previous")
  elif [[ $current == -* ]]; then
    wanted=$(_gradus_options "$subcommand")
  else
    for ((i = at + 1; i < COMP_CWORD; i++)); do
      if [[ ${COMP_WORDS[i]} == -* ]]; then
        takes=$(_gradus_values "$subcommand ${COMP_WORDS[i]}")
        [[ -n $takes ]] && { [[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 2)) || i=$((i + 1)); }
        continue
      fi
      place=$((place + 1))
    done
    wanted=$(_gradus_words "$subcommand $((place + 1))")
  fi
  for ((i = at + 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} != -* ]] && { run=${COMP_WORDS[i]}; break; }
  done
  local word
  while IFS= read -r word; do
    [[ $wanted == *@step && $word == *[![:alnum:]_./:@%+-]* ]] && word=$(printf %q "$word")
    COMPREPLY+=("$word")
  done < <(_gradus_candidates "$wanted" "$current" "$run")
  [[ $wanted == *@* && $wanted != *@step ]] && { compopt -o filenames 2>/dev/null || :; }
  return 0
}
complete -F _gradus gradus
)BASH";

}  // namespace

std::string bash_completion(const std::vector<Subcommand>& subcommands) {
  std::string names, options, values, words;
  for (const auto& subcommand : subcommands) {
    names += (names.empty() ? "" : " ") + subcommand.name;
    options += options_case(subcommand);
    values += values_cases(subcommand);
    words += words_cases(subcommand);
  }
  return fmt::format(
             "# bash completion for gradus; written by the build from the help texts\n\n"
             "_gradus_subcommands='{}'\n\n"
             "_gradus_options() {{\n  case $1 in\n{}    --version) echo '--json' ;;\n  esac\n}}\n\n"
             "# What may follow an option: words, or the kind of thing it is; nothing for a switch.\n"
             "_gradus_values() {{\n  case $1 in\n{}  esac\n}}\n\n"
             "# What may stand at a place behind a subcommand.\n"
             "_gradus_words() {{\n  case $1 in\n{}  esac\n}}\n",
             names, options, values, words) +
         machinery;
}

}  // namespace gradus::manual
