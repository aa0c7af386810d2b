// Tested by tests/onnx/fold_test.cpp.
#include "compiler/onnx/fold.h"

#include <algorithm>
#include <map>

namespace cnnc {
namespace {

using Table = std::map<std::string, void (*)(OnnxNode&)>;

const Table& table() {
  static const Table kTable = [] {
    Table result;
    for (const auto& family : {elementwise_foldings(), movement_foldings()}) {
      for (const Folding& each : family) result[each.name] = each.fold;
    }
    return result;
  }();
  return kTable;
}

}  // namespace

bool fold(OnnxNode& node) {
  if (node.input_count() == 0 || !node.all_known()) return false;
  const auto found = table().find(node.type());
  if (found == table().end()) return false;
  found->second(node);
  return true;
}

std::vector<std::string> foldable_operators() {
  std::vector<std::string> names;
  for (const auto& [name, function] : table()) names.push_back(name);
  return names;
}

Shape common_shape(const Shape& a, const Shape& b) {
  Shape result = broadcast_shape(a, b);
  if (result.empty() && a.size() + b.size() > 0) {
    refuse("the shapes " + to_string(a) + " and " + to_string(b) + " cannot be broadcast");
  }
  return result;
}

void for_each_index(const Shape& shape,
                    const std::function<void(int64_t, const std::vector<int64_t>&)>& visit) {
  std::vector<int64_t> index(shape.size());
  const int64_t count = element_count(shape);
  for (int64_t i = 0; i < count; ++i) {
    visit(i, index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

int64_t broadcast_position(const Shape& shape, const std::vector<int64_t>& index) {
  int64_t position = 0;
  const size_t skipped = index.size() - shape.size();
  for (size_t d = 0; d < shape.size(); ++d) {
    position = position * shape[d] + (shape[d] == 1 ? 0 : index[d + skipped]);
  }
  return position;
}

KnownTensor gathered(const KnownTensor& source, const Shape& shape,
                     const std::function<int64_t(const std::vector<int64_t>&)>& position_of) {
  KnownTensor result(source.type(), shape);
  for_each_index(shape, [&](int64_t i, const std::vector<int64_t>& index) {
    result.set(i, source.at(position_of(index)));
  });
  return result;
}

}  // namespace cnnc
