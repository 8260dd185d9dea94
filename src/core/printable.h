// Text from outside made fit for a terminal.
//
// Knows: which characters a terminal would obey. Unaware of: where the text comes from and where it goes.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

/// Control characters (C0, DEL, and C1 in UTF-8) as `\n`, `\t`, `\x1b`, and the like; bytes that are no UTF-8 as
/// `\xff`. A newline in a file's name then cannot forge a line of ours, nor an escape sequence a colour.
std::string printable(std::string_view text);

/// A line of a program's output: colours and cursor movements are left out, of lines overwritten by carriage returns
/// only the last is kept, the rest as printable().
std::string printable_line(std::string_view line);

}  // namespace gradus
