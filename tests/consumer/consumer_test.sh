#!/bin/bash
# Installs the build into a folder and builds a project that says find_package(gradus).
#   consumer_test.sh BUILD_DIR COMPILER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
make_scratch
build=$1 compiler=$2
cd "$scratch"

it "the installed package can be found and used"
expect_exit 0 cmake --install "$build" --prefix "$scratch/prefix"
expect_file prefix/bin/gradus
mkdir project
cat >project/CMakeLists.txt <<'X'
cmake_minimum_required(VERSION 3.25)
project(consumer CXX C)
find_package(gradus REQUIRED)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE gradus::core)
X
cat >project/main.cpp <<'X'
#include <gradus/placement.h>
#include <gradus/steps_file.h>
#include <cstdio>
int main() {
  const auto text = std::make_shared<const std::string>("true\nfalse\n");
  const auto steps = gradus::parse_steps("inline.txt", text, gradus::StepsFormat::text, nullptr);
  std::printf("%zu steps, %zu GPUs in the first of two slots\n", steps.graph->step_count(),
              gradus::entries_of_slot(5, 2, 0, gradus::GpuSharing::shared).size());
}
X
flags=$(sed -n 's/^GRADUS_SANITIZE:STRING=//p' "$build/CMakeCache.txt")
expect_exit 0 cmake -S project -B out -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_CXX_FLAGS="${flags:+-fsanitize=$flags}"
expect_exit 0 cmake --build out
expect_exit 0 out/consumer
expect_equal "output" "2 steps, 3 GPUs in the first of two slots" "$seen"
