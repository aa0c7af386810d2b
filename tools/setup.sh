#!/usr/bin/env bash
# Installs what cnnc is built with, on Debian 12 (x86-64): the compilers, LLVM and the libraries
# from Debian's packages, Halide, nlohmann/json and ONNX's schema and tests from PyPI into build/deps/.
# Running it again is quick: it installs only what is missing, and says what that is.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$root/build/deps

packages=(
  llvm-22-dev cmake ninja-build g++ zlib1g-dev catch2 libcli11-dev python3 python3-pip
  libpng-dev libturbojpeg0-dev libzip-dev protobuf-compiler libprotobuf-dev
  pkg-config gdb # for the tests of packages and of symbols
  clang-format-22 clang-tidy-22 # for the tests' lint checks
  clang-22 libclang-rt-22-dev # for the tests' sanitizers
  # For the tests of objects for other processors: compilers, emulators, WebAssembly's libraries.
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
  qemu-user lld-22 wasi-libc libclang-rt-22-dev-wasm32 nodejs
)

halide_version=21.0.0
halide_sha256=3686c2b4c9aed1e26e1e55631608b2c4a4c3fe2d4386505ba1921859adb683ab
json_version=3.12.0
json_sha256=5f6132720fb25d0d70bf0742f8397b49a540dcc193e7312a914f6aa49f054810
onnx_version=1.17.0
onnx_sha256=4a183c6178be001bf398260e5ac2c927dc43e7746e8638d6c05c20e321f8c949

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: error: %s\n' "$@" >&2
  exit 1
}

[[ $(uname -s) == Linux && $(uname -m) == x86_64 ]] ||
  fail "cnnc is built on x86-64 Linux; this machine is $(uname -m) $(uname -s)"

# ---- Debian's packages -------------------------------------------------------------------------

installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    installed "$package" || printf '%s\n' "$package"
  done
}

install_packages() {
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null ||
      fail "these Debian packages are missing: $*" \
        "run this script as root, or let root run:  apt-get install --no-install-recommends $*"
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)

  say "installing from Debian: $*"
  "${as_root[@]}" apt-get update -qq ||
    fail "'apt-get update' failed; check the network and the package sources in /etc/apt"
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" ||
    fail "'apt-get install $*' failed; its message above says why"
}

command -v apt-get >/dev/null ||
  fail "this script installs Debian's packages and finds no apt-get" \
    "elsewhere, install the equivalents of: ${packages[*]}"

mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
  install_packages "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || fail "still not installed: ${missing[*]}"
fi

# ---- PyPI's wheels -----------------------------------------------------------------------------

# The packages are unpacked, not installed, so the Python that downloads them need not be the one
# that they were built for.
python=/usr/bin/python3

# fetch_wheel FOLDER REQUIREMENT SHA256 SUBFOLDER PIP_OPTION...
# Unpacks SUBFOLDER of the requirement's wheel as build/deps/FOLDER, unless the stamp there says
# that it is there already. A broken-off run leaves no half-filled folder behind.
fetch_wheel() {
  local folder=$1 requirement=$2 sha256=$3 subfolder=$4
  shift 4
  local stamp="$requirement sha256:$sha256"
  if [[ -f $deps/$folder/.stamp && $(<"$deps/$folder/.stamp") == "$stamp" ]]; then
    return
  fi

  say "installing from PyPI: $requirement into build/deps/$folder"
  mkdir -p "$deps" || fail "cannot create $deps"
  scratch=$(mktemp -d "$deps/.unpack.XXXXXX")
  printf '%s --hash=sha256:%s\n' "$requirement" "$sha256" >"$scratch/requirements.txt"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    "$@" --require-hashes -r "$scratch/requirements.txt" -d "$scratch/wheel" ||
    fail "pip could not download $requirement; its message above says why"
  "$python" - "$scratch/wheel" "$subfolder" "$scratch/out" <<'PY' ||
import pathlib, shutil, sys, zipfile

wheels, subfolder, out = pathlib.Path(sys.argv[1]), sys.argv[2] + "/", pathlib.Path(sys.argv[3])
(wheel,) = wheels.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        if not entry.filename.startswith(subfolder) or entry.is_dir():
            continue
        target = out / entry.filename[len(subfolder):]
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        target.chmod((entry.external_attr >> 16) & 0o777 | 0o644)
if not out.is_dir():
    sys.exit(f"{wheel.name} holds no {subfolder}")
PY
    fail "could not unpack $requirement; is the disk full?"
  printf '%s\n' "$stamp" >"$scratch/out/.stamp"
  rm -rf "${deps:?}/$folder"
  mv "$scratch/out" "$deps/$folder"
  rm -rf "$scratch"
  scratch=
}

scratch=
trap '[[ -z $scratch ]] || rm -rf "$scratch"' EXIT

fetch_wheel halide "halide==$halide_version" "$halide_sha256" halide \
  --platform manylinux_2_28_x86_64 --python-version 3.11 --implementation cp --abi cp311
fetch_wheel nlohmann "nlohmann-json==$json_version" "$json_sha256" nlohmann_json
fetch_wheel onnx "onnx==$onnx_version" "$onnx_sha256" onnx \
  --platform manylinux2014_x86_64 --python-version 3.11 --implementation cp --abi cp311

say "everything is in place"
