// gradus template: job scripts, filled in from the command line and the site's file.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/templates.h"
#include "core/template_text.h"
#include "run/run_directory.h"

namespace gradus::cli {
namespace {

namespace po = boost::program_options;
using Text = std::string;
using Check = std::string (*)(std::string_view);

/// What a site file may set, and the command line too, which comes first.
struct Setting {
  const char* name;
  const char* value;
  const char* help;
  Check check;
  bool repeats;
};
constexpr Setting settings[] = {
    {"nodes", "N", "nodes of the job", check_count, false},
    {"gpus-per-node", "G", "GPUs of each node; 0: none", nullptr, false},
    {"cpus-per-node", "C", "cores of each node that steps may use", check_count, false},
    {"time", "TIME", "time limit of the job, as 04:00:00", check_sbatch_time, false},
    {"signal-before", "S", "seconds before its end at which the job is warned and drains (default 120)", check_count,
     false},
    {"array", "LIST", "for the array: which runs, as 1-8", check_name, false},
    {"job-name", "NAME", "name of the job (default gradus)", check_name, false},
    {"partition", "NAME", "partition, or several with commas", check_name, false},
    {"account", "NAME", "account to charge", check_name, false},
    {"qos", "NAME", "quality of service", check_name, false},
    {"sbatch", "OPTION", "one more option of sbatch, as --mem=0; may be repeated", check_sbatch_option, true},
    {"module", "NAME", "module to load before the run; may be repeated", check_name, true},
    {"gradus", "PATH", "the gradus program, if not in PATH", check_line, false},
    {"option", "WORD", "one more word for `gradus run`, as --quiet; may be repeated", check_line, true}};

struct Kind {
  const char* name;
  const char* what;
};
constexpr Kind kinds[] = {{"one-node", "all GPUs of one node"},
                          {"many-nodes", "all GPUs of several nodes"},
                          {"requeue", "as many-nodes, and back into the queue by itself until all is done"},
                          {"array", "independent runs, one node each"}};

void print_help(const po::options_description& options) {
  fmt::print(
      "Usage: gradus template slurm [OPTION]...\n"
      "       gradus template scipion\n\n"
      "Writes a job script: a template of ours, filled in. Lines that were not filled in have an arrow (<--).\n\n"
      "Kinds:\n");
  for (const auto& kind : kinds) fmt::print("  {:<12} {}\n", kind.name, kind.what);
  std::ostringstream text;
  text << options;
  fmt::print(
      "\n{}\nA site file sets defaults for everybody, a line each: `partition = gpu`, `module = cuda/12`. It is the\n"
      "file of --site, else $GRADUS_SITE, else ~/.config/gradus/site, else /etc/gradus/site. What the command line\n"
      "gives replaces it; what may be repeated is added to it.\n\n"
      "`gradus template scipion` writes Scipion's host configuration.\n",
      text.str());
}

po::options_description setting_options() {
  po::options_description options("Job");
  for (const auto& setting : settings) {
    if (setting.repeats) {
      options.add_options()(setting.name, po::value<std::vector<Text>>()->value_name(setting.value), setting.help);
    } else {
      options.add_options()(setting.name, po::value<Text>()->value_name(setting.value), setting.help);
    }
  }
  return options;
}

po::options_description own_options() {
  po::options_description options("Script");
  options.add_options()("kind", po::value<Text>()->value_name("KIND"),
                        "see above (default: one-node for one node, else many-nodes)")(
      "steps", po::value<Text>()->value_name("FILE"), "the steps file (array: the folder of them)")(
      "site", po::value<Text>()->value_name("FILE"), "defaults of the site")(
      "output", po::value<Text>()->value_name("FILE"), "write there, not to standard output")(
      "force", "… although the file is there")("help,h", "this text");
  return options;
}

[[noreturn]] void refuse(const Text& what) {
  fmt::print(stderr, "gradus: {}\n", what);
  throw Leave{2};
}

/// The site's file: the one that was named must be there.
std::optional<Text> site_file(const po::variables_map& given) {
  if (given.count("site") > 0) return given["site"].as<Text>();
  if (const char* named = std::getenv("GRADUS_SITE"); named != nullptr && *named != '\0') return named;
  std::vector<Text> places{"/etc/gradus/site"};
  if (const char* home = std::getenv("HOME")) places.insert(places.begin(), Text(home) + "/.config/gradus/site");
  for (const auto& place : places) {
    if (access(place.c_str(), R_OK) == 0) return place;
  }
  return std::nullopt;
}

po::variables_map read_site(const Text& file, const po::options_description& known) {
  std::ifstream stream(file);
  if (!stream) refuse(fmt::format("{}: cannot be read", file));
  po::variables_map site;
  try {
    po::store(po::parse_config_file(stream, known), site);
  } catch (const po::unknown_option& error) {
    std::vector<Text> names;
    for (const auto& setting : settings) names.emplace_back(setting.name);
    const auto nearest = nearest_word(error.get_option_name(), names);
    refuse(fmt::format("{}: unknown setting '{}'{}", file, error.get_option_name(),
                       nearest.empty() ? "" : fmt::format(": did you mean '{}'?", nearest)));
  } catch (const po::error& error) {
    refuse(fmt::format("{}: {}", file, error.what()));
  }
  return site;
}

/// Command line over site file, checked.
class Values {
 public:
  Values(const po::variables_map& given, const po::variables_map& site, Text site_name)
      : given_(given), site_(site), site_name_(std::move(site_name)) {
    for (const auto& setting : settings) check(setting);
  }

  std::optional<Text> one(const Text& name) const {
    if (given_.count(name) > 0) return given_[name].as<Text>();
    if (site_.count(name) > 0) return site_[name].as<Text>();
    return std::nullopt;
  }
  std::vector<Text> all(const Text& name) const {
    std::vector<Text> words;
    for (const auto* map : {&site_, &given_}) {
      if (map->count(name) == 0) continue;
      const auto& more = (*map)[name].as<std::vector<Text>>();
      words.insert(words.end(), more.begin(), more.end());
    }
    return words;
  }

 private:
  void check(const Setting& setting) const {
    if (setting.check == nullptr) return;
    const auto values = setting.repeats     ? all(setting.name)
                        : one(setting.name) ? std::vector<Text>{*one(setting.name)}
                                            : std::vector<Text>();
    for (const auto& value : values) {
      const auto wrong = setting.check(value);
      if (wrong.empty()) continue;
      const bool is_given = given_.count(setting.name) > 0;
      refuse(is_given ? fmt::format("--{}: {}", setting.name, wrong)
                      : fmt::format("{}: {}: {}", site_name_, setting.name, wrong));
    }
  }

  const po::variables_map& given_;
  const po::variables_map& site_;
  Text site_name_;
};

Text kind_of(const po::variables_map& given, const Values& values) {
  if (given.count("kind") == 0) return values.one("nodes").value_or("1") == "1" ? "one-node" : "many-nodes";
  const auto& kind = given["kind"].as<Text>();
  std::vector<Text> names;
  for (const auto& known : kinds) names.emplace_back(known.name);
  if (std::find(names.begin(), names.end(), kind) != names.end()) return kind;
  const auto nearest = nearest_word(kind, names);
  refuse(fmt::format("--kind: '{}' is none of {}{}", kind, fmt::join(names, ", "),
                     nearest.empty() ? "" : fmt::format(": did you mean '{}'?", nearest)));
}

TemplateValues template_values(const Text& kind, const po::variables_map& given, const Values& values) {
  TemplateValues filled;
  const bool one_node = kind == "one-node" || kind == "array";
  if (one_node && values.one("nodes").value_or("1") != "1") {
    if (given.count("nodes") > 0) refuse(fmt::format("--nodes: a {} job has one node; see --kind", kind));
  }
  for (const auto* name : {"nodes", "time", "array", "job-name"}) {
    if (Text(name) == "nodes" && one_node) continue;
    if (const auto value = values.one(name)) filled.sbatch[name] = *value;
  }
  if (const auto seconds = values.one("signal-before")) filled.sbatch["signal"] = "B:USR1@" + *seconds;
  if (const auto cores = values.one("cpus-per-node")) filled.sbatch["cpus-per-task"] = *cores;
  if (const auto gpus = values.one("gpus-per-node")) {
    if (*gpus != "0") {
      if (const auto wrong = check_count(*gpus); !wrong.empty()) refuse("--gpus-per-node: " + wrong);
    }
    filled.sbatch["gpus-per-node"] = *gpus == "0" ? "" : *gpus;
  }
  for (const auto* name : {"partition", "account", "qos"}) {
    if (const auto value = values.one(name)) filled.more_sbatch.push_back(fmt::format("--{}={}", name, *value));
  }
  for (const auto& more : values.all("sbatch")) filled.more_sbatch.push_back(more);
  filled.modules = values.all("module");
  filled.options = values.all("option");
  if (const auto program = values.one("gradus")) filled.variables["gradus"] = *program;
  if (given.count("steps") > 0) {
    const auto& steps = given["steps"].as<Text>();
    if (const auto wrong = check_line(steps); !wrong.empty()) refuse("--steps: " + wrong);
    filled.variables["steps"] = steps;
  }
  return filled;
}

void write_script(const Text& script, const po::variables_map& given) {
  if (given.count("output") == 0) {
    fmt::print("{}", script);
    return;
  }
  const auto& file = given["output"].as<Text>();
  if (given.count("force") == 0 && access(file.c_str(), F_OK) == 0) {
    refuse(fmt::format("{} is there already: --force writes over it", file));
  }
  write_atomically(file, script);
  fmt::print(stderr, "gradus: wrote {}; lines with an arrow (<--) are still to be filled in: {}\n", file,
             script.find("# <--") == Text::npos ? "none" : "some");
}

int slurm(const Words& words) {
  const auto job = setting_options();
  po::options_description all;
  all.add(own_options()).add(job);
  // No guessing: --gpu must not pass for --gpus-per-node.
  constexpr auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::variables_map given, site;
  try {
    po::store(po::command_line_parser(words).options(all).positional({}).style(style).run(), given);
  } catch (const po::error& error) {
    refuse(fmt::format("{} (see gradus template --help)", error.what()));
  }
  if (given.count("help") > 0) {
    print_help(all);
    return 0;
  }
  const auto file = site_file(given);
  if (file) site = read_site(*file, job);
  const Values values(given, site, file.value_or(""));
  const auto kind = kind_of(given, values);
  write_script(fill_template(job_template(kind + ".sh"), template_values(kind, given, values)), given);
  return 0;
}

}  // namespace

int template_command(const Words& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    po::options_description all;
    all.add(own_options()).add(setting_options());
    print_help(all);
    return words.empty() ? 2 : 0;
  }
  if (words[0] == "scipion") {
    if (words.size() > 1) refuse(fmt::format("gradus template scipion takes nothing more, not '{}'", words[1]));
    fmt::print("{}", job_template("scipion-hosts.conf"));
    return 0;
  }
  if (words[0] != "slurm") refuse(fmt::format("template of what? '{}' is neither slurm nor scipion", words[0]));
  return slurm(Words(words.begin() + 1, words.end()));
}

}  // namespace gradus::cli
