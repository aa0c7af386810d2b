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

step "Compiling the training itself: build/demo/mnist_train.o and mnist_train.h"
build/release/cnnc models/mnist_cnn.json --train -o build/demo/mnist_train.o

step "Building examples/train_digits/train_digits.c, and training for an epoch in plain C"
cc -std=c11 -O2 -Wall -Wextra -I build/demo -I runtime examples/train_digits/train_digits.c \
  build/demo/mnist_train.o build/release/runtime/libcnnc_runtime.a -lpthread -lm \
  -o build/demo/train_digits
mkdir -p build/demo/mnist
for file in models/mnist/*.gz; do
  gunzip -c "$file" >"build/demo/mnist/$(basename "$file" .gz)"
done
build/demo/train_digits build/demo/mnist
