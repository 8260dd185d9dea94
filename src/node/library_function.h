// Functions of libraries that are opened at run time, with the types that their headers give.
//
// Knows: that headers rename functions by macros. Unaware of: which library.
#pragma once

#include <dlfcn.h>

// cuda.h and nvml.h rename functions by macros (cuDeviceGetUuid is cuDeviceGetUuid_v2, which knows MIG). The type
// follows the macro by itself; the name given to dlsym must be the macro's expansion too, or an older function would be
// called through a newer one's type.
#define GRADUS_TEXT(name) #name
#define GRADUS_EXPANDED(name) GRADUS_TEXT(name)
#define GRADUS_FIND(function) ::gradus::find_function<decltype(&function)>(library, GRADUS_EXPANDED(function))

namespace gradus {

/// Null when the library has none of that name.
template <typename Function>
Function find_function(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace gradus
