#!/bin/bash
# The core does no I/O and knows no clock; MPI stays in its folder; every public header compiles alone.
#   purity_test.sh SOURCE_DIR CORE_ARCHIVE COMPILER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
source=$1 archive=$2 compiler=$3
make_scratch

it "src/core includes nothing of the system but language, text and numbers"
allowed='algorithm|array|bit|cctype|charconv|cmath|compare|cstddef|cstdint|cstdlib|cstring|deque|functional|initializer_list|iterator|limits|map|memory|numeric|optional|queue|regex|set|span|stdexcept|string|string_view|tuple|type_traits|unordered_map|unordered_set|utility|variant|vector|string.h|fmt/format.h|nlohmann/json.hpp|simdjson.h|xxhash.h|cuda.h|cerrno|csignal|sstream'
expect_equal "other includes" "" "$(grep -hoE '^#include <[^>]+>' "$source"/src/core/*.{h,cpp} |
  sed -E 's/#include <(.*)>/\1/' | sort -u | grep -vxE "$allowed" || true)"

it "the core's archive refers to no clock, file, thread, process, environment or MPI"
forbidden='clock_gettime|gettimeofday|time|nanosleep|open|open64|fopen|fopen64|read|write|stat|unlink|mkdir|fork|vfork|clone|execve|posix_spawn|waitpid|kill|getenv|secure_getenv|setenv|pthread_create|pthread_mutex_lock|dlopen|socket|MPI_[A-Za-z_]+'
expect_equal "such symbols" "" "$(nm -u "$archive" 2>/dev/null | awk '{print $NF}' | sed 's/@.*//' | sort -u | grep -xE "$forbidden" || true)"

it "mpi.h is included in mpi/ only"
expect_equal "other places" "" "$(grep -rlE '#include [<"]mpi\.h' "$source"/{src,include} || true)"

it "every public header compiles alone"
for header in "$source"/include/gradus/*.h; do
  expect_exit 0 "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I "$source/include" -include "$header" -x c++ /dev/null
done
