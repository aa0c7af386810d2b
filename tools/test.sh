#!/usr/bin/env bash
# Sets up, builds and runs every test: first, built by Clang, those that run under the address,
# undefined-behaviour and thread sanitizers, then all of them in the release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh

jobs=$(nproc)

cmake --preset release
cmake --build --preset release

cmake --preset asan
cmake --build --preset asan
ctest --preset asan --parallel "$jobs"

cmake --preset tsan
cmake --build --preset tsan
ctest --preset tsan --parallel "$jobs"

# The whole suite comes last, so that its summary closes the output.
ctest --preset release --parallel "$jobs"
