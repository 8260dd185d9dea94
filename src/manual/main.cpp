// Writes manual pages and completion from what `gradus` itself prints: a step of the build.
//
// Knows: which texts there are, and which file each page goes to.
// Unaware of: how pages are set.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>

#include "manual/completion.h"
#include "manual/roff.h"

namespace gradus::manual {
namespace {

namespace fs = std::filesystem;

std::string quoted(const std::string& path) {
  std::string word = "'";
  for (const char letter : path) word += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return word + "'";
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("popen: " + command);
  std::string text;
  std::array<char, 4096> part{};
  for (std::size_t got; (got = fread(part.data(), 1, part.size(), pipe)) > 0;) text.append(part.data(), got);
  if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return text;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// `gradus run STEPS      run the steps of a file` in the overview.
std::vector<Subcommand> subcommands_in(const HelpText& overview) {
  std::vector<Subcommand> all;
  for (const auto& block : overview.blocks) {
    for (const auto& item : block.items) {
      if (!item.tag.starts_with("gradus ") || item.tag.starts_with("gradus -")) continue;
      const auto name = item.tag.substr(7, item.tag.find(' ', 7) - 7);
      if (item.text.empty()) throw std::runtime_error("the overview says nothing of " + item.tag);
      all.push_back({name, item.text, {}});
    }
  }
  return all;
}

struct Job {
  std::string program;
  fs::path pages;  ///< the folder of the pages that are written by hand, in Markdown
  fs::path share;  ///< where man/ and bash-completion/ go
  std::string version, date;
};

/// Pages name each other by their files, as one who reads the repository needs it; a manual page by its own name.
std::string with_pages_named(std::string text, const std::vector<std::pair<std::string, int>>& by_hand) {
  static const std::regex link(R"(\[([a-z-]+)\.md\]\(\1\.md\))");
  for (std::smatch found; std::regex_search(text, found, link);) {
    const auto name = "gradus-" + found[1].str();
    const auto it = std::find_if(by_hand.begin(), by_hand.end(), [&](const auto& one) { return one.first == name; });
    const auto page = fmt::format("**{}**({})", name, it == by_hand.end() ? 1 : it->second);
    text.replace(static_cast<std::size_t>(found.position()), static_cast<std::size_t>(found.length()), page);
  }
  return text;
}

void write_all(const Job& job) {
  const auto overview = read_help(output_of(quoted(job.program) + " --help"));
  auto subcommands = subcommands_in(overview);
  if (subcommands.empty()) throw std::runtime_error("the overview names no subcommand");
  const std::vector<std::pair<std::string, int>> by_hand{
      {"gradus-mpirun", 1},   {"gradus-journal", 5}, {"gradus-json", 5},    {"gradus-steps", 5},
      {"gradus-gpu-list", 7}, {"gradus-gpu-use", 7}, {"gradus-running", 7}, {"gradus-tutorial", 7}};
  const auto others = [&](const std::string& self) {
    std::vector<std::string> all{"gradus(1)"};
    for (const auto& one : subcommands) all.push_back("gradus-" + one.name + "(1)");
    for (const auto& [name, section] : by_hand) all.push_back(fmt::format("{}({})", name, section));
    std::erase(all, self);
    return all;
  };
  const auto page = [&](const std::string& name, int section, const std::string& summary) {
    return Page{name, section, job.version, job.date, summary, others(fmt::format("{}({})", name, section))};
  };
  write_file(job.share / "man/man1/gradus.1",
             page_of_help(page("gradus", 1, "run many GPU command lines inside one HPC allocation"), overview));
  for (auto& one : subcommands) {
    one.help = read_help(output_of(fmt::format("{} {} --help", quoted(job.program), one.name)));
    const auto name = "gradus-" + one.name;
    const auto details = job.pages / (one.name + ".md");
    write_file(job.share / "man/man1" / (name + ".1"),
               page_of_help(page(name, 1, one.summary), one.help,
                            fs::exists(details) ? with_pages_named(read_file(details), by_hand) : std::string()));
  }
  for (const auto& [name, section] : by_hand) {
    const auto text = with_pages_named(read_file(job.pages / (name.substr(7) + ".md")), by_hand);
    write_file(job.share / fmt::format("man/man{0}/{1}.{0}", section, name),
               page_of_markdown(page(name, section, ""), text));
  }
  write_file(job.share / "bash-completion/completions/gradus", bash_completion(subcommands));
}

}  // namespace
}  // namespace gradus::manual

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: gradus_manual PROGRAM PAGES SHARE VERSION DATE\n");
    return 2;
  }
  try {
    gradus::manual::write_all({argv[1], argv[2], argv[3], argv[4], argv[5]});
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradus_manual: {}\n", error.what());
    return 1;
  }
}
