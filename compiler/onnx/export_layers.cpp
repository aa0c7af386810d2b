// Exports layers with windows or weights, and normalisations.
#include <onnx.pb.h>

#include "compiler/onnx/exporter.h"

namespace cnnc {
namespace {

using ::onnx::NodeProto;

constexpr const char* kExported = "";

// A single number stands for a window of one dimension.
std::vector<int64_t> lengths(const Attrs& attrs, const std::string& name) {
  const AttrValue& value = attrs.all().at(name);
  if (const auto* number = std::get_if<int64_t>(&value)) return {*number};
  return attrs.integers(name);
}

void set_window(NodeProto& node, const Attrs& attrs) {
  set_integers(node, "kernel_shape", lengths(attrs, "kernel_size"));
  set_integers(node, "strides", lengths(attrs, "stride"));
  set_integers(node, "dilations", lengths(attrs, "dilation"));
  set_integers(node, "pads", lengths(attrs, "padding"));
}

std::string export_conv(OnnxExporter& exporter) {
  NodeProto& node = exporter.add("Conv", {exporter.input(0), exporter.input(1), exporter.input(2)},
                                 exporter.output());
  set_window(node, exporter.attrs());
  set_integer(node, "group", exporter.attrs().integer("groups"));
  return kExported;
}

std::string export_conv_transpose(OnnxExporter& exporter) {
  NodeProto& node =
      exporter.add("ConvTranspose", {exporter.input(0), exporter.input(1), exporter.input(2)},
                   exporter.output());
  set_window(node, exporter.attrs());
  set_integer(node, "group", exporter.attrs().integer("groups"));
  set_integers(node, "output_padding", lengths(exporter.attrs(), "output_padding"));
  return kExported;
}

std::string export_linear(OnnxExporter& exporter) {
  NodeProto& node = exporter.add("Gemm", {exporter.input(0), exporter.input(1), exporter.input(2)},
                                 exporter.output());
  set_integer(node, "transB", 1);
  return kExported;
}

std::string export_max_pool(OnnxExporter& exporter) {
  NodeProto& node = exporter.add("MaxPool");
  set_window(node, exporter.attrs());
  set_integer(node, "ceil_mode", exporter.attrs().boolean("ceil_mode") ? 1 : 0);
  return kExported;
}

std::string export_avg_pool(OnnxExporter& exporter) {
  const Attrs& attrs = exporter.attrs();
  if (attrs.has("divisor_override")) return "ONNX has no divisor_override";
  // Dilations came with opset 19.
  bool is_dilated = false;
  for (int64_t each : lengths(attrs, "dilation")) is_dilated = is_dilated || each != 1;
  NodeProto& node = exporter.add("AveragePool", is_dilated ? 19 : 0);
  set_integers(node, "kernel_shape", lengths(attrs, "kernel_size"));
  set_integers(node, "strides", lengths(attrs, "stride"));
  set_integers(node, "pads", lengths(attrs, "padding"));
  if (is_dilated) set_integers(node, "dilations", lengths(attrs, "dilation"));
  set_integer(node, "ceil_mode", attrs.boolean("ceil_mode") ? 1 : 0);
  set_integer(node, "count_include_pad", attrs.boolean("count_include_pad") ? 1 : 0);
  return kExported;
}

// Windows of one size that do not overlap, or one window.
std::string export_adaptive(OnnxExporter& exporter, const char* global, const char* pool) {
  const Shape& in = exporter.input_shape();
  const Shape& out = exporter.output_shape();
  std::vector<int64_t> kernel;
  bool is_global = true;
  for (size_t d = 2; d < in.size(); ++d) {
    if (in[d] % out[d] != 0) return "its windows have different sizes";
    kernel.push_back(in[d] / out[d]);
    is_global = is_global && out[d] == 1;
  }
  if (is_global) {
    exporter.add(global);
    return kExported;
  }
  NodeProto& node = exporter.add(pool);
  set_integers(node, "kernel_shape", kernel);
  set_integers(node, "strides", kernel);
  return kExported;
}

std::string export_adaptive_avg(OnnxExporter& exporter) {
  return export_adaptive(exporter, "GlobalAveragePool", "AveragePool");
}

std::string export_adaptive_max(OnnxExporter& exporter) {
  return export_adaptive(exporter, "GlobalMaxPool", "MaxPool");
}

std::vector<float> repeated(const std::vector<double>& numbers, int64_t count) {
  std::vector<float> result;
  result.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    result.push_back(static_cast<float>(numbers[numbers.size() == 1 ? 0 : i]));
  }
  return result;
}

// (x - mean) / std
std::string export_normalize(OnnxExporter& exporter) {
  const Attrs& attrs = exporter.attrs();
  const Shape& in = exporter.input_shape();
  const auto per_channel = [&](const std::string& name) {
    const std::vector<double>& numbers = attrs.reals(name);
    const int64_t count = numbers.size() == 1 ? 1 : in[1];
    Shape shape(in.size() - 1, 1);
    shape[0] = count;
    return exporter.add_floats(name, shape, repeated(numbers, count));
  };
  const std::string mean = per_channel("mean"), deviation = per_channel("std");
  exporter.add("Sub", {exporter.input(0), mean}, exporter.between("centred"));
  exporter.add("Div", {exporter.between("centred"), deviation}, exporter.output());
  return kExported;
}

std::string export_batch_norm(OnnxExporter& exporter) {
  const int64_t channels = exporter.input_shape()[1];
  std::vector<std::string> inputs = {exporter.input(0)};
  const float absent[] = {1, 0};
  for (size_t i = 1; i <= 4; ++i) {
    if (exporter.has_input(i)) {
      inputs.push_back(exporter.input(i));
    } else if (i <= 2) {
      inputs.push_back(
          exporter.add_floats(i == 1 ? "weight" : "bias", {channels},
                              std::vector<float>(static_cast<size_t>(channels), absent[i - 1])));
    } else {
      return "it has no running averages";
    }
  }
  NodeProto& node = exporter.add("BatchNormalization", inputs, exporter.output());
  set_real(node, "epsilon", exporter.attrs().real("eps"));
  return kExported;
}

std::string export_local_response_norm(OnnxExporter& exporter) {
  const Attrs& attrs = exporter.attrs();
  if (attrs.integer("size") % 2 == 0) return "its size is even";
  NodeProto& node = exporter.add("LRN");
  set_integer(node, "size", attrs.integer("size"));
  set_real(node, "alpha", attrs.real("alpha"));
  set_real(node, "beta", attrs.real("beta"));
  set_real(node, "bias", attrs.real("k"));
  return kExported;
}

}  // namespace

std::vector<OpExport> layer_exports() {
  std::vector<OpExport> result = {{"Linear", export_linear},
                                  {"LocalResponseNorm", export_local_response_norm},
                                  {"Normalize", export_normalize}};
  for (const char* rank : {"1d", "2d", "3d"}) {
    const std::string end = rank;
    result.push_back({"Conv" + end, export_conv});
    result.push_back({"ConvTranspose" + end, export_conv_transpose});
    result.push_back({"MaxPool" + end, export_max_pool});
    result.push_back({"AvgPool" + end, export_avg_pool});
    result.push_back({"AdaptiveAvgPool" + end, export_adaptive_avg});
    result.push_back({"AdaptiveMaxPool" + end, export_adaptive_max});
    result.push_back({"BatchNorm" + end, export_batch_norm});
  }
  return result;
}

}  // namespace cnnc
