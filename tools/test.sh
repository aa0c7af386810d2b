#!/usr/bin/env bash
# Sets up, builds and runs every test: first those that run under the address, undefined-behaviour
# and thread sanitizers, then all of them in the release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh

jobs=$(nproc)

# The thread sanitizer of GCC 12 needs the classic address layout, which newer kernels randomise
# further than it can follow; switching randomisation off helps, where the system lets us.
unrandomised=()
if setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
  unrandomised=(setarch "$(uname -m)" --addr-no-randomize)
fi

cmake --preset release
cmake --build --preset release

cmake --preset asan
cmake --build --preset asan
ctest --preset asan --parallel "$jobs"

cmake --preset tsan
cmake --build --preset tsan
"${unrandomised[@]}" ctest --preset tsan --parallel "$jobs"

# The whole suite comes last, so that its summary closes the output.
ctest --preset release --parallel "$jobs"
