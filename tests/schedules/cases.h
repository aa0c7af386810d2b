// Small graphs with one anchor and what may follow it, from numbers that can be drawn at random.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/schedules/harness.h"
#include "tools/bench/problem.h"

namespace cnnc::test {

// A pooling window; size 0: none.
struct PoolShape {
  int64_t kernel_h = 0, kernel_w = 0;
  int64_t stride_h = 0, stride_w = 0;  // 0: the kernel's
  int64_t pad_h = 0, pad_w = 0;
  int64_t dilation_h = 1, dilation_w = 1;
  bool ceil_mode = false;
  int64_t more_bottom = 0, more_right = 0;  // padding at the end, beyond that at the start
  bool average = false;
};

// A convolution and what is around it.
struct ConvShape : ConvProblem {
  bool relu = false;
  bool residual = false;  // an Add before the ReLU
  PoolShape pool;
};

struct LinearShape {
  int64_t batch = 1;
  int64_t in = 1, out = 1;
  bool bias = true;
  bool relu = false;
};

// SGD with these constants; they have few bits, so that exact numbers stay exact.
struct Update {
  bool present = false;
  double momentum = 0;
  double weight_decay = 0;
  double dampening = 0;
  bool nesterov = false;
  int32_t step = 3;
};

[[nodiscard]] std::string to_string(const ConvShape& shape);
[[nodiscard]] std::string to_string(const PoolShape& shape);

// With the batch innermost; all but forward() exist in training only.
[[nodiscard]] Case conv_forward(const ConvShape& shape);
// The gradient flows through a pool if the shape has one, and through a ReLU of the input if
// `relu`.
[[nodiscard]] Case conv_input_grad(const ConvShape& shape);
// The transposed convolution whose output has the shape's height and width: of `out` to `in`
// channels.
[[nodiscard]] Case conv_transpose(const ConvShape& shape);
[[nodiscard]] Case conv_weight_grad(const ConvShape& shape, const Update& update);
[[nodiscard]] Case linear_forward(const LinearShape& shape);
[[nodiscard]] Case linear_input_grad(const LinearShape& shape);
[[nodiscard]] Case linear_weight_grad(const LinearShape& shape, const Update& update);
[[nodiscard]] Case channel_sum(const Shape& shape, const Update& update);
// The pool alone, with its index as an output, and its gradient.
[[nodiscard]] Case pool(const Shape& input, const PoolShape& shape);
[[nodiscard]] Case pool_grad(const Shape& input, const PoolShape& shape);
// One node of that op with one input or two of that shape.
[[nodiscard]] Case unary(const std::string& op, const Attrs& attrs, const Shape& shape);
[[nodiscard]] Case binary(const std::string& op, const Attrs& attrs, const Shape& shape);
// Of a computed tensor and one of another shape.
[[nodiscard]] Case broadcast(const std::string& op, const Shape& shape, const Shape& other);
// The sum of a product; `factor` may be empty.
[[nodiscard]] Case sum_to(const Shape& shape, const Shape& sum, const Shape& factor);
[[nodiscard]] Case loss(const std::string& op, const Attrs& attrs, int64_t rows, int64_t classes,
                        int64_t count);
[[nodiscard]] Case dropout(const Shape& shape, double p);
// What turns the caller's images into those of training: padded to `rows`, normalised.
[[nodiscard]] Case padded_images(int64_t batch, int64_t rows, const Shape& image, int64_t count);

// The same with the channels innermost and constant parameters.
[[nodiscard]] Case for_inference(Case c, Layout input_layout, Layout output_layout);
// With the inputs and outputs of a kernel in the middle of a training step.
[[nodiscard]] Case for_training(Case c);

// Draws from the space of shapes that training meets, with a batch of up to four vectors, and
// inference, with any batch.
[[nodiscard]] ConvShape random_conv(std::mt19937& random, int64_t batch);
[[nodiscard]] LinearShape random_linear(std::mt19937& random, int64_t batch);
[[nodiscard]] PoolShape random_pool(std::mt19937& random);
[[nodiscard]] Update random_update(std::mt19937& random);

}  // namespace cnnc::test
