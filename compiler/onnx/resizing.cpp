// Pad, Expand, Tile, Resize and Upsample: outputs of other extents.
#include <algorithm>
#include <cmath>

#include "compiler/onnx/fold.h"
#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

// Its lists are attributes up to opset 10.
void import_pad(OnnxNode& node) {
  const Operand input = node.input(0);
  const int64_t rank = node.rank(input);
  const std::string mode = node.text("mode", "constant");
  std::vector<int64_t> pads;
  std::vector<int64_t> axes;
  double value = 0;
  if (node.opset() < 11) {
    pads = node.integers("pads");
    value = node.real("value", 0);
  } else {
    pads = node.known_integers(1);
    if (node.has_input(2)) value = static_cast<double>(node.known_scalar(2));
    if (node.has_input(3)) axes = OnnxNode::axes_within(node.known_integers(3), rank);
  }
  if (axes.empty()) {
    for (int64_t d = 0; d < rank; ++d) axes.push_back(d);
  }
  if (pads.size() != 2 * axes.size()) {
    refuse("pads " + to_string(pads) + " are not two for each of " + std::to_string(axes.size()) +
           " dimensions");
  }
  // The last dimension comes first.
  std::vector<int64_t> pad(static_cast<size_t>(2 * rank));
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t place = 2 * (rank - 1 - axes[i]);
    pad[place] = pads[i];
    pad[place + 1] = pads[i + axes.size()];
  }
  while (pad.size() > 2 && pad[pad.size() - 1] == 0 && pad[pad.size() - 2] == 0) {
    pad.resize(pad.size() - 2);
  }
  Attrs attrs;
  attrs.set("pad", pad);
  attrs.set("mode", mode == "edge"   ? std::string("replicate")
                    : mode == "wrap" ? std::string("circular")
                                     : mode);
  attrs.set("value", value);
  node.set_output(0, node.emit("Pad", std::move(attrs), {input}));
}

void import_expand(OnnxNode& node) {
  const Operand input = node.input(0);
  const Shape from = node.shape(input);
  const Shape shape = common_shape(from, node.known_integers(1));
  Shape aligned(shape.size() - from.size(), 1);
  aligned.insert(aligned.end(), from.begin(), from.end());
  const Operand same_rank = reshaped(node, input, aligned);
  if (shape == aligned) return node.set_output(0, same_rank);
  Attrs attrs;
  attrs.set("size", shape);
  node.set_output(0, node.emit("Expand", std::move(attrs), {same_rank}));
}

void import_tile(OnnxNode& node) {
  const Operand input = node.input(0);
  const std::vector<int64_t> repeats = node.known_integers(1);
  if (static_cast<int64_t>(repeats.size()) != node.rank(input)) {
    refuse("repeats " + std::to_string(repeats.size()) + " dimensions of " +
           to_string(node.shape(input)));
  }
  Attrs attrs;
  attrs.set("dims", repeats);
  node.set_output(0, node.emit("Tile", std::move(attrs), {input}));
}

struct Scaling {
  Shape sizes;
  std::vector<double> scales;
};

// The scales of inputs or attributes, for the dimensions given.
std::vector<double> scales_of(OnnxNode& node) {
  if (node.opset() < 9) return node.reals("scales");
  const int64_t number = node.opset() < 11 ? 1 : 2;
  std::vector<double> scales;
  if (!node.has_input(number)) return scales;
  const KnownTensorPtr given = node.known_input(number);
  for (int64_t i = 0; i < given->count(); ++i) scales.push_back(static_cast<double>(given->at(i)));
  return scales;
}

// Where sizes are given, all scales may be made the same.
void keep_aspect(const std::string& policy, const std::vector<int64_t>& axes, const Shape& in,
                 Scaling& scaling) {
  if (policy == "stretch") return;
  double chosen = scaling.scales[axes[0]];
  for (int64_t axis : axes) {
    chosen = policy == "not_larger" ? std::min(chosen, scaling.scales[axis])
                                    : std::max(chosen, scaling.scales[axis]);
  }
  for (int64_t axis : axes) {
    scaling.scales[axis] = chosen;
    scaling.sizes[axis] = std::llround(chosen * static_cast<double>(in[axis]));
  }
}

Scaling scaling_of(OnnxNode& node, const Shape& in) {
  const auto rank = static_cast<int64_t>(in.size());
  std::vector<int64_t> axes = OnnxNode::axes_within(node.integers("axes"), rank);
  if (axes.empty()) {
    for (int64_t d = 0; d < rank; ++d) axes.push_back(d);
  }
  Scaling scaling{in, std::vector<double>(in.size(), 1)};
  const std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  const std::vector<double> scales = scales_of(node);
  if (!scales.empty()) {
    if (scales.size() != axes.size()) refuse("has scales for other dimensions");
    for (size_t i = 0; i < axes.size(); ++i) {
      scaling.scales[axes[i]] = scales[i];
      scaling.sizes[axes[i]] =
          static_cast<int64_t>(std::floor(static_cast<double>(in[axes[i]]) * scales[i]));
    }
    return scaling;
  }
  if (node.opset() < 11 || !node.has_input(3)) refuse("has neither scales nor sizes");
  const std::vector<int64_t> sizes = node.known_integers(3);
  if (sizes.size() != axes.size()) refuse("has sizes for other dimensions");
  for (size_t i = 0; i < axes.size(); ++i) {
    scaling.sizes[axes[i]] = sizes[i];
    scaling.scales[axes[i]] = static_cast<double>(sizes[i]) / static_cast<double>(in[axes[i]]);
  }
  keep_aspect(policy, axes, in, scaling);
  return scaling;
}

void import_resize(OnnxNode& node) {
  const Operand input = node.input(0);
  const Shape in = node.shape(input);
  const bool is_old = node.opset() < 11;  // Upsample, and the first Resize
  const Scaling scaling = scaling_of(node, in);
  Attrs attrs;
  attrs.set("mode", node.text("mode", "nearest"));
  attrs.set("sizes", scaling.sizes);
  attrs.set("scales", scaling.scales);
  attrs.set("coordinate_transformation_mode",
            node.text("coordinate_transformation_mode", is_old ? "asymmetric" : "half_pixel"));
  attrs.set("nearest_mode", node.text("nearest_mode", is_old ? "floor" : "round_prefer_floor"));
  attrs.set("cubic_coeff_a", node.real("cubic_coeff_a", -0.75));
  attrs.set("exclude_outside", node.integer("exclude_outside", 0) != 0);
  if (attrs.text("coordinate_transformation_mode") == "tf_crop_and_resize") {
    refuse("its attribute coordinate_transformation_mode is \"tf_crop_and_resize\"");
  }
  node.ignore("extrapolation_value");
  if (node.integer("antialias", 0) != 0) refuse("its attribute antialias is not 0");
  if (attrs.text("mode") == "bilinear") attrs.set("mode", std::string("linear"));
  node.set_output(0, node.emit("Resize", std::move(attrs), {input}));
}

}  // namespace

OnnxOperators resizing_operators() {
  return {{"Expand", import_expand},
          {"Pad", import_pad},
          {"Resize", import_resize},
          {"Tile", import_tile},
          {"Upsample", import_resize}};
}

}  // namespace cnnc
