#!/usr/bin/env bash
# Every check of the sources (tests/lint/README.md), clang-tidy on all files included: minutes.
# Needs a configured build/release. With --fix, clang-format rewrites what it would complain about.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PYTHONDONTWRITEBYTECODE=1

fix=()
case ${1-} in
  "") ;;
  --fix) fix=(--fix) ;;
  *)
    echo "usage: tools/lint.sh [--fix]" >&2
    exit 2
    ;;
esac
[[ -f build/release/compile_commands.json ]] || {
  echo "lint: no build/release: run cmake --preset release first" >&2
  exit 1
}

failed=()
check() {
  local name=$1
  shift
  printf '==> %s\n' "$name"
  python3 "tests/lint/$name.py" "$@" || failed+=("$name")
}
check lint_test
check check_floors
check check_lists --build build/release
check check_words
check check_format "${fix[@]}"
check check_tidy --build build/release --all

((${#failed[@]} == 0)) || {
  printf 'lint: failed: %s\n' "${failed[*]}" >&2
  exit 1
}
