// The two frequent records of a journal in the very form in which the journal writes them, read without a JSON parser.
//
// Knows: the order of the keys of launches and ends. Unaware of: everything else; whoever calls must try another way
// when it says no.
//
// Why: a journal of a million steps has two million of them, and gradus status is to answer within a second.
#pragma once

#include <string_view>

#include "run/journal_records.h"

namespace gradus {

/// False when `line` is not exactly such a record, or holds a text with an escape in it; `record` is undefined then.
/// `line` is whole, with its checksum, which was looked at before. Ranges of numbers are not checked.
bool scan_launch(std::string_view line, LaunchRecord& record);
bool scan_end(std::string_view line, EndRecord& record);

}  // namespace gradus
