// Split and Chunk, as PyTorch has them: Slices, one per output. Tested by tests/ops/split_test.cpp.
#include <algorithm>

#include "compiler/ops/dims.h"

namespace cnnc {
namespace {

std::vector<int64_t> equal_parts(int64_t extent, int64_t size) {
  std::vector<int64_t> parts(extent / size, size);
  if (extent % size != 0) parts.push_back(extent % size);
  return parts;
}

// The extents of the outputs; `dim` is settled.
Result<std::vector<int64_t>> parts_of(const Attrs& attrs, const Shape& in) {
  const int64_t dim = attrs.integer("dim"), extent = in[dim];
  if (attrs.has("chunks")) {
    const int64_t chunks = std::min(attrs.integer("chunks"), extent);
    return equal_parts(extent, (extent + chunks - 1) / chunks);
  }
  const std::vector<int64_t>& sections = attrs.integers("split_size_or_sections");
  if (sections.size() == 1) return equal_parts(extent, sections[0]);
  int64_t sum = 0;
  for (int64_t each : sections) sum += each;
  if (sum == extent) return sections;
  return error("split_size_or_sections is " + to_string(sections) + ", whose sum is " +
               std::to_string(sum) + ", but dimension " + std::to_string(dim) + " of " +
               to_string(in) + " has " + std::to_string(extent));
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "input");
  if (problems.empty()) problems = settle_dim(args.attrs, "dim", args.inputs[0].shape);
  if (!problems.empty()) return problems;
  const Type& in = args.inputs[0];
  const Result<std::vector<int64_t>> parts = parts_of(args.attrs, in.shape);
  if (!parts) return parts.diagnostics();
  std::vector<Type> types(parts->size(), in);
  for (size_t i = 0; i < types.size(); ++i) {
    types[i].shape[args.attrs.integer("dim")] = (*parts)[i];
  }
  return outputs_of(types);
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>&) {
  return attrs.integer("dim") == 0 ? kMixesBatch : 0u;
}

// The slices that the outputs are.
std::vector<Attrs> slices(const Graph& graph, const Node& node) {
  const int64_t dim = node.attrs.integer("dim");
  std::vector<Attrs> result;
  int64_t begin = 0;
  for (ValueId id : node.outputs) {
    const int64_t end = begin + graph.type(id).shape[dim];
    Attrs attrs;
    attrs.set("starts", std::vector<int64_t>{begin});
    attrs.set("ends", std::vector<int64_t>{end});
    attrs.set("axes", std::vector<int64_t>{dim});
    result.push_back(std::move(attrs));
    begin = end;
  }
  return result;
}

std::vector<ValueId> decompose(Graph& graph, const Node& node) {
  std::vector<ValueId> result;
  const std::vector<Attrs> attrs = slices(graph, node);
  for (size_t i = 0; i < attrs.size(); ++i) {
    const std::string name = graph.values[node.outputs[i]].name;
    result.push_back(graph.add("Slice", name, attrs[i], {node.inputs[0]})[0]);
  }
  return result;
}

// Where all outputs have gradients, these are joined; else they are added, each among zeros.
std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  if (!is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  const std::string name = node.name + ".grad_input";
  const std::vector<ValueId>& upstream = args.output_gradients;
  if (std::count(upstream.begin(), upstream.end(), kNoValue) == 0) {
    Attrs attrs;
    attrs.set("dim", node.attrs.integer("dim"));
    result[0] = args.graph.add("Concat", name, attrs, upstream)[0];
    return result;
  }
  std::vector<Attrs> attrs = slices(args.graph, node);
  for (size_t i = 0; i < upstream.size(); ++i) {
    if (upstream[i] == kNoValue) continue;
    attrs[i].set("input_shape", args.graph.type(node.inputs[0]).shape);
    const std::string number = std::to_string(i);
    const ValueId part = args.graph.add("SliceGrad", name + number, attrs[i], {upstream[i]})[0];
    result[0] = result[0] == kNoValue
                    ? part
                    : args.graph.add("Add", name + ".sum" + number, {}, {result[0], part})[0];
  }
  return result;
}

void reference(ReferenceArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  const Fibres whole = fibres(args.inputs[0]->shape, dim);
  int64_t begin = 0;
  for (ReferenceTensor& out : args.outputs) {
    const Fibres part = fibres(out.shape, dim);
    for (int64_t i = 0; i < element_count(out.shape); ++i) {
      const int64_t after = i % part.after, k = i / part.after % part.extent;
      const int64_t before = i / (part.after * part.extent);
      out.data[i] = args.inputs[0]->data[(before * whole.extent + begin + k) * whole.after + after];
    }
    begin += part.extent;
  }
}

OpDef make_op() noexcept {
  OpDef op;
  op.role = OpRole::layer;
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer;
  op.decompose = decompose;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_split() noexcept {
  OpDef op = make_op();
  op.name = "Split";
  op.doc = "Parts of a dimension, each an output: \"split[1]\" is the second of \"split\"";
  op.attrs = {required(attribute("split_size_or_sections", AttrKind::integers, {}, kCounts,
                                 "extent of every part, the last may be smaller; or of each")),
              dim_attr("dim", int64_t{1}, "the dimension: 1, the channels")};
  return op;
}

OpDef make_chunk() noexcept {
  OpDef op = make_op();
  op.name = "Chunk";
  op.doc = "As many equal parts of a dimension, each an output, as Split has them";
  op.attrs = {required(attribute("chunks", AttrKind::integer, {}, kCounts,
                                 "how many; fewer where the last ones would be empty")),
              dim_attr("dim", int64_t{1}, "the dimension: 1, the channels")};
  return op;
}

}  // namespace

extern const OpDef chunk = make_chunk();
extern const OpDef split = make_split();

}  // namespace cnnc
