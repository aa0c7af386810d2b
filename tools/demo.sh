#!/usr/bin/env bash
# The whole journey on one example: sets up, builds, trains the MNIST network, compiles it with the
# trained weights to mnist.o and mnist.h, builds the example application against them and runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n==> %s\n' "$*"; }

step "Setting up and building"
tools/setup.sh
cmake --preset release
cmake --build --preset release

mkdir -p build/demo

step "Training the network of models/mnist_cnn.json for three epochs"
build/release/cnnc-train models/mnist_cnn.json --data models/mnist -o build/demo/mnist.safetensors

step "Compiling it with the trained weights: build/demo/mnist.o and mnist.h"
build/release/cnnc models/mnist_cnn.json --weights build/demo/mnist.safetensors \
  -o build/demo/mnist.o

step "Building the application examples/digits/digits.c against them"
cc -std=c99 -O2 -Wall -Wextra -I build/demo -I runtime examples/digits/digits.c build/demo/mnist.o \
  build/release/runtime/libcnnc_runtime.a -lpng -lz -lpthread -lm -o build/demo/digits

step "The 10,000 images of the test set"
build/demo/digits --test models/mnist

step "A few digits"
build/demo/digits examples/digits/samples/*.png
