// Normalisations.
#include "compiler/onnx/operators.h"

namespace cnnc {

OnnxOperators normalization_operators() { return {}; }

}  // namespace cnnc
