// The parts of the page that are files of their own, compiled in.
//
// Knows: their names. Unaware of: what is in them.
#pragma once

#include <string_view>

namespace gradus {

/// src/report/page.html: `{{name}}` stands where something is to be filled in.
std::string_view page_html();
std::string_view page_css();
std::string_view page_js();

/// A library for the browser that draws; empty in a build without.
struct PlotLibrary {
  std::string_view script;
  std::string_view licence;
};
PlotLibrary plot_library();

}  // namespace gradus
