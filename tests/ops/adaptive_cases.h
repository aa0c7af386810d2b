// The sizes that the tests of adaptive pooling try.
#pragma once
#include <string>
#include <vector>

#include "tests/ops/harness.h"

namespace cnnc {

struct AdaptiveCase {
  Shape input;
  int64_t height, width;  // 0: the input's
};

inline const std::vector<AdaptiveCase>& adaptive_cases() {
  static const std::vector<AdaptiveCase> list = {
      {{2, 3, 7, 7}, 1, 1}, {{2, 5, 8, 6}, 4, 3},  {{1, 2, 7, 9}, 3, 4},  {{1, 2, 10, 7}, 7, 3},
      {{2, 1, 3, 5}, 6, 5}, {{1, 2, 2, 4}, 3, 7},  {{1, 1, 1, 1}, 1, 1},  {{1, 1, 1, 1}, 4, 3},
      {{1, 2, 5, 6}, 0, 2}, {{1, 2, 5, 6}, 3, 0},  {{1, 1, 13, 1}, 5, 1}, {{1, 1, 3, 3}, 17, 16},
      {{1, 2, 9, 9}, 1, 4}, {{1, 2, 1, 11}, 1, 4},
  };
  return list;
}

inline Attrs attrs_of_case(const AdaptiveCase& c) {
  return attrs_of({{"output_size", pair(c.height, c.width)}});
}

// Of the gradient of the layer `op`.
inline Attrs grad_attrs(const std::string& op, const AdaptiveCase& c) {
  Attrs attrs = inferred(op, attrs_of_case(c), {f32(c.input)});
  attrs.set("input_height", c.input[2]);
  attrs.set("input_width", c.input[3]);
  return attrs;
}

inline CompileOptions vectors(int width) {
  CompileOptions options;
  options.vector = width;
  return options;
}

}  // namespace cnnc
