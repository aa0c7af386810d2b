// Exports ops that move elements.
#include <onnx.pb.h>

#include <numeric>

#include "compiler/onnx/exporter.h"

namespace cnnc {
namespace {

constexpr const char* kExported = "";

// Whatever view it is: the shape of its output says all.
std::string export_view(OnnxExporter& exporter) {
  exporter.add("Reshape",
               {exporter.input(0), exporter.add_integers("shape", exporter.open_output_shape())},
               exporter.output());
  return kExported;
}

std::string export_concat(OnnxExporter& exporter) {
  std::vector<std::string> inputs;
  const size_t count = exporter.node().inputs.size();
  inputs.reserve(count);
  for (size_t i = 0; i < count; ++i) inputs.push_back(exporter.input(i));
  set_integer(exporter.add("Concat", inputs, exporter.output()), "axis",
              exporter.attrs().integer("dim"));
  return kExported;
}

std::string export_permute(OnnxExporter& exporter) {
  set_integers(exporter.add("Transpose"), "perm", exporter.attrs().integers("dims"));
  return kExported;
}

std::string export_transpose(OnnxExporter& exporter) {
  std::vector<int64_t> order(exporter.input_shape().size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[exporter.attrs().integer("dim0")], order[exporter.attrs().integer("dim1")]);
  set_integers(exporter.add("Transpose"), "perm", order);
  return kExported;
}

std::string export_slice(OnnxExporter& exporter) {
  const Attrs& attrs = exporter.attrs();
  std::vector<std::string> inputs = {exporter.input(0)};
  for (const char* name : {"starts", "ends", "axes", "steps"}) {
    inputs.push_back(exporter.add_integers(name, attrs.integers(name)));
  }
  exporter.add("Slice", inputs, exporter.output());
  return kExported;
}

}  // namespace

std::vector<OpExport> movement_exports() {
  return {{"Concat", export_concat},       {"Flatten", export_view},
          {"Permute", export_permute},     {"Reshape", export_view},
          {"Slice", export_slice},         {"Squeeze", export_view},
          {"Transpose", export_transpose}, {"Unflatten", export_view},
          {"Unsqueeze", export_view},      {"View", export_view}};
}

}  // namespace cnnc
