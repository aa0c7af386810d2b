// Exports functions of elements, sums and products, Softmax and its kin, Dropout.
#include <onnx.pb.h>

#include <map>

#include "compiler/onnx/exporter.h"

namespace cnnc {
namespace {

using ::onnx::NodeProto;

constexpr const char* kExported = "";

struct Twin {
  const char* type;
  int64_t opset = 0;
};

// Ops without attributes that matter, and ONNX's operators.
const std::map<std::string, Twin>& plain() {
  static const std::map<std::string, Twin> kPlain = {{"Abs", {"Abs"}},
                                                     {"Ceil", {"Ceil"}},
                                                     {"Cos", {"Cos"}},
                                                     {"Erf", {"Erf"}},
                                                     {"Exp", {"Exp"}},
                                                     {"Floor", {"Floor"}},
                                                     {"Hardswish", {"HardSwish"}},
                                                     {"Identity", {"Identity"}},
                                                     {"Log", {"Log"}},
                                                     {"Mish", {"Mish", 18}},
                                                     {"Neg", {"Neg"}},
                                                     {"ReLU", {"Relu"}},
                                                     {"Reciprocal", {"Reciprocal"}},
                                                     {"Round", {"Round"}},
                                                     {"Sigmoid", {"Sigmoid"}},
                                                     {"Sign", {"Sign"}},
                                                     {"Sin", {"Sin"}},
                                                     {"Softsign", {"Softsign"}},
                                                     {"Sqrt", {"Sqrt"}},
                                                     {"SELU", {"Selu"}},
                                                     {"Tanh", {"Tanh"}}};
  return kPlain;
}

std::string export_plain(OnnxExporter& exporter) {
  const Twin& twin = plain().at(exporter.node().op->name);
  exporter.add(twin.type, twin.opset);
  return kExported;
}

const std::map<std::string, std::string>& binaries() {
  static const std::map<std::string, std::string> kBinaries = {
      {"Add", "Add"}, {"Div", "Div"}, {"Maximum", "Max"}, {"Minimum", "Min"},
      {"Mul", "Mul"}, {"Pow", "Pow"}, {"Sub", "Sub"}};
  return kBinaries;
}

// The second operand is an input or the op's only attribute.
std::string export_binary(OnnxExporter& exporter) {
  std::string other = exporter.input(1);
  if (other.empty()) {
    const std::string& name = exporter.node().op->attrs.at(0).name;
    other = exporter.add_floats(name, {}, {static_cast<float>(exporter.attrs().real(name))});
  }
  exporter.add(binaries().at(exporter.node().op->name), {exporter.input(0), other},
               exporter.output());
  return kExported;
}

std::string export_softmax(OnnxExporter& exporter) {
  NodeProto& node = exporter.add(exporter.node().op->name);
  set_integer(node, "axis", exporter.attrs().integer("dim"));
  return kExported;
}

std::string export_dropout(OnnxExporter& exporter) {
  const std::string ratio =
      exporter.add_floats("ratio", {}, {static_cast<float>(exporter.attrs().real("p"))});
  exporter.add("Dropout", {exporter.input(0), ratio}, exporter.output());
  return kExported;
}

std::string export_clamp(OnnxExporter& exporter, const char* least, const char* most) {
  std::vector<std::string> inputs = {exporter.input(0)};
  for (const char* name : {least, most}) {
    const Attrs& attrs = exporter.attrs();
    inputs.push_back(attrs.has(name)
                         ? exporter.add_floats(name, {}, {static_cast<float>(attrs.real(name))})
                         : "");
  }
  exporter.add("Clip", inputs, exporter.output());
  return kExported;
}

std::string export_clamp(OnnxExporter& exporter) { return export_clamp(exporter, "min", "max"); }
std::string export_hardtanh(OnnxExporter& exporter) {
  return export_clamp(exporter, "min_val", "max_val");
}

std::string export_relu6(OnnxExporter& exporter) {
  exporter.add(
      "Clip",
      {exporter.input(0), exporter.add_floats("min", {}, {0}), exporter.add_floats("max", {}, {6})},
      exporter.output());
  return kExported;
}

std::string export_hardsigmoid(OnnxExporter& exporter) {
  NodeProto& node = exporter.add("HardSigmoid");
  set_real(node, "alpha", 1.0 / 6);
  set_real(node, "beta", 0.5);
  return kExported;
}

std::string export_silu(OnnxExporter& exporter) {
  exporter.add("Sigmoid", {exporter.input(0)}, exporter.between("sigmoid"));
  exporter.add("Mul", {exporter.input(0), exporter.between("sigmoid")}, exporter.output());
  return kExported;
}

// Far from 0, PyTorch's is the identity, where ONNX's differs from it by rounding alone.
std::string export_softplus(OnnxExporter& exporter) {
  if (exporter.attrs().real("beta") != 1) return "its beta is not 1";
  exporter.add("Softplus");
  return kExported;
}

std::string export_log_sigmoid(OnnxExporter& exporter) {
  exporter.add("Neg", {exporter.input(0)}, exporter.between("negative"));
  exporter.add("Softplus", {exporter.between("negative")}, exporter.between("softplus"));
  exporter.add("Neg", {exporter.between("softplus")}, exporter.output());
  return kExported;
}

std::string with_real(OnnxExporter& exporter, const char* type, const char* attribute,
                      const char* from) {
  set_real(exporter.add(type), attribute, exporter.attrs().real(from));
  return kExported;
}

std::string export_elu(OnnxExporter& exporter) {
  return with_real(exporter, "Elu", "alpha", "alpha");
}
std::string export_celu(OnnxExporter& exporter) {
  return with_real(exporter, "Celu", "alpha", "alpha");
}
std::string export_leaky_relu(OnnxExporter& exporter) {
  return with_real(exporter, "LeakyRelu", "alpha", "negative_slope");
}

std::string export_gelu(OnnxExporter& exporter) {
  constexpr int64_t kFirstOpset = 20;
  set_text(exporter.add("Gelu", kFirstOpset), "approximate", exporter.attrs().text("approximate"));
  return kExported;
}

}  // namespace

std::vector<OpExport> elementwise_exports() {
  std::vector<OpExport> result = {{"CELU", export_celu},
                                  {"Clamp", export_clamp},
                                  {"Dropout", export_dropout},
                                  {"ELU", export_elu},
                                  {"GELU", export_gelu},
                                  {"Hardsigmoid", export_hardsigmoid},
                                  {"Hardtanh", export_hardtanh},
                                  {"LeakyReLU", export_leaky_relu},
                                  {"LogSigmoid", export_log_sigmoid},
                                  {"LogSoftmax", export_softmax},
                                  {"ReLU6", export_relu6},
                                  {"SiLU", export_silu},
                                  {"Softmax", export_softmax},
                                  {"Softplus", export_softplus}};
  for (const auto& [op, twin] : plain()) result.push_back({op, export_plain});
  for (const auto& [op, type] : binaries()) result.push_back({op, export_binary});
  return result;
}

}  // namespace cnnc
