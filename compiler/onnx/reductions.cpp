// Reductions over dimensions.
#include "compiler/onnx/operators.h"

namespace cnnc {

OnnxOperators reduction_operators() { return {}; }

}  // namespace cnnc
