// Convolutions in the notation of oneDNN's benchdnn: "mb64ic32ih14oc64oh14kh3ph1".
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/support/result.h"

namespace cnnc {

// A convolution of [batch, in, height, width] with [out, in / groups, kernel_h, kernel_w].
struct ConvProblem {
  int64_t batch = 1;
  int64_t in = 1, out = 1;  // channels, of all groups
  int64_t height = 1, width = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t top = 0, left = 0, bottom = 0, right = 0;  // padding
  int64_t dilation_h = 1, dilation_w = 1;            // 1: none, as PyTorch counts
  int64_t groups = 1;
  bool bias = true;

  [[nodiscard]] int64_t out_h() const;
  [[nodiscard]] int64_t out_w() const;
};

// benchdnn's directions, each a kernel: the output with bias, the gradient of the input, of the
// weights.
enum class Direction { forward, backward_data, backward_weights };
[[nodiscard]] const char* to_string(Direction direction);  // "fwd", "bwd_d", "bwd_w"
Result<Direction> parse_direction(const std::string& text);

// Reads gNmbNicNihNiwNocNohNowNkhNkwNshNswNphNpwNdhNdwN in any order, with "_" anywhere between and
// n"NAME" at the end ignored. As in benchdnn: mb is 2 and g 1 where absent; a width is the height
// where absent and the other way round; dh counts from 0; of oh and ph each follows from the other,
// and where both are given they fix the padding at the end.
Result<ConvProblem> parse_problem(const std::string& text);
// The same notation, without what follows from the rest.
[[nodiscard]] std::string to_string(const ConvProblem& problem);

// One problem, or the problems of the file of that name, one a line; "#" begins a comment there.
Result<std::vector<ConvProblem>> problems_of(const std::string& text_or_path);

// What Conv2d and its gradients take: the attributes of the window.
[[nodiscard]] Attrs window_attrs(const ConvProblem& problem);
// One node: input "input" or "gradient", parameters "weight" and "bias"; of the weight gradient,
// inputs "gradient" and "input".
[[nodiscard]] Graph graph_of(const ConvProblem& problem, Direction direction);

}  // namespace cnnc
