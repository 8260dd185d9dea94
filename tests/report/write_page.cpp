// The page of a report that stands on standard input; `plain` makes it as a build without a plot library would.
#include "report/page.h"

#include <iostream>
#include <iterator>
#include <string_view>

int main(int argc, char** argv) {
  const std::string json{std::istreambuf_iterator<char>(std::cin), {}};
  const bool is_plain = argc > 1 && std::string_view(argv[1]) == "plain";
  std::cout << (is_plain ? gradus::report_page(json, {}) : gradus::report_page(json));
  return std::cout.flush() ? 0 : 3;
}
