#include "report/page.h"

namespace gradus {

std::string report_page(const std::string& json) {
  std::string page =
      "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Gradus</title>\n<script type=\"application/json\" "
      "id=\"data\">";
  for (const char c : json) {
    if (c == '<') {
      page += "\\u003c";
    } else {
      page += c;
    }
  }
  return page + "</script>\n";
}

}  // namespace gradus
