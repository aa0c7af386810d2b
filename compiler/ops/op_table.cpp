// Entry points: all_ops, find_op. Tested by tests/ops/op_table_test.cpp.
#include "compiler/graph/op.h"

namespace cnnc {

#define CNNC_OP(symbol) extern const OpDef symbol;
#include "compiler/ops/ops.def"
#undef CNNC_OP

const std::vector<const OpDef*>& all_ops() {
  static const std::vector<const OpDef*> ops = {
#define CNNC_OP(symbol) &(symbol),
#include "compiler/ops/ops.def"
#undef CNNC_OP
  };
  return ops;
}

const OpDef* find_op(const std::string& name) {
  for (const OpDef* op : all_ops()) {
    if (op->name == name) return op;
  }
  return nullptr;
}

}  // namespace cnnc
