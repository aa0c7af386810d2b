// What the tests of ops that move elements share.
#pragma once
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {

[[nodiscard]] inline AttrValue list(std::vector<int64_t> numbers) { return numbers; }
[[nodiscard]] inline CompileOptions vectors(int width) {
  CompileOptions options;
  options.vector = width;
  return options;
}

// 0, 1, 2, ...
[[nodiscard]] inline ReferenceTensor counted(const Shape& shape) {
  ReferenceTensor result;
  result.shape = shape;
  for (int64_t i = 0; i < element_count(shape); ++i) {
    result.data.push_back(static_cast<double>(i));
  }
  return result;
}

// Compiled code against the reference, exactly, for floats and bytes in vectors and for integers
// one by one.
inline void check_move(const std::string& op, const Attrs& attrs,
                       const std::vector<ReferenceTensor>& inputs) {
  for (DType dtype : {DType::f32, DType::i32, DType::u8}) {
    std::vector<Operand> operands;
    for (const ReferenceTensor& input : inputs) {
      operands.emplace_back(input, dtype);
      for (double& value : operands.back().value.data) {
        value =
            dtype == DType::f32 ? value / 8 : static_cast<double>(static_cast<int>(value) % 251);
      }
    }
    check_lowering(op, attrs, operands, vectors(dtype == DType::i32 ? 0 : 4), 0);
  }
}

// The output for the elements 0, 1, 2, ... of inputs of these shapes, by reference and compiled.
inline ReferenceTensor moved(const std::string& op, const Attrs& attrs,
                             const std::vector<Shape>& shapes) {
  std::vector<ReferenceTensor> inputs;
  std::vector<Operand> operands;
  for (const Shape& shape : shapes) {
    inputs.push_back(counted(shape));
    operands.emplace_back(inputs.back());
  }
  check_move(op, attrs, inputs);
  return run_reference(op, attrs, operands)[0];
}

}  // namespace cnnc
